"""Measure the app's lists and the year of somebody with 111,000 lines beside those of somebody with
100; write bench/results/flow.json.

    python ops/servers.py with -- python bench/flow.py [--rounds 5]

lists   each list of the API, both users in turns, through all middlewares by Django's test client
wins    100 winning grabs with the indexes of the ledger as they are, and with those of before
        (the account and the key, without the kind), in turns: CPU of database and process
"""

import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from testing import stage

stage.set_up()

from django.db import connection
from django.test import Client
from django.utils import timezone

from bench import kept, settle
from packets import members, years
from sandbox.management.commands.token import token

MANY, FEW = 111_000, 100
API = "/api/v1"
OLDEST_S = 300 * 86_400  # the first of their packets; the last is a minute old
# Packets of two shares, which the same user sent; one of them is his, too.
ROWS = (
    "INSERT INTO red_packet (id, public_id, user_id, for_id, pay_status, pay_type, trade_no, type,"
    " intro, number, total_money, single_money, return_money, is_cli_handle, expend_time, add_time,"
    " pay_time, expire_time, is_frozen, frozen_reason, commitment, seed)"
    " SELECT {base} + seq, CONCAT('rp_{user}_', seq), '{user}', 'old', 1, 4, '', 2, 'old', 2, 2, 1,"
    " 0, 1, 9, {at}, {at}, {at} + INTERVAL 1 DAY, 0, '', '', '' FROM seq_1_to_{number}",
    "INSERT INTO red_packet_log (rp_id, position, user_id, money, is_good, is_into_account,"
    " is_returned, add_time, update_time) SELECT {base} + p.seq, s.seq,"
    " IF(s.seq = 1, '{user}', CONCAT('u', p.seq * 7 MOD 5000)), 1, s.seq = 1, 1, 0, {pat}, {pat}"
    " FROM seq_1_to_{number} p STRAIGHT_JOIN seq_1_to_2 s",
    "INSERT INTO wallets_ledgerline (kind, reference, source, target, amount, note, created_at)"
    " SELECT 2, CONCAT('rp_{user}_', p.seq, '/', s.seq), CONCAT('escrow:rp_{user}_', p.seq),"
    " CONCAT('wallet:', IF(s.seq = 1, '{user}', CONCAT('u', p.seq * 7 MOD 5000))), 1, '', {pat}"
    " FROM seq_1_to_{number} p STRAIGHT_JOIN seq_1_to_2 s",
    "INSERT INTO wallets_ledgerline (kind, reference, source, target, amount, note, created_at)"
    " SELECT 1, CONCAT('rp_{user}_', seq), 'wallet:{user}', CONCAT('escrow:rp_{user}_', seq), 2,"
    " '', {at} FROM seq_1_to_{number}",
)
INDEXES = {"with the kind": "{side}, kind, id", "without": "{side}, id"}


def fill(user: str, base: int, number: int) -> None:
    at = f"(NOW(6) - INTERVAL (60 + ({number} - {{seq}}) * {OLDEST_S // number}) SECOND)"
    times = {"at": at.format(seq="seq"), "pat": at.format(seq="p.seq")}
    with connection.cursor() as cursor:
        cursor.execute("SET foreign_key_checks = 0")
        for statement in ROWS:
            cursor.execute(statement.format(user=user, base=base, number=number, **times))


def rare(user: str) -> None:
    """Five lines of the kinds that hardly anybody has, older than all others."""
    with connection.cursor() as cursor:
        for kind in (3, 4, 5):
            cursor.execute(
                "INSERT INTO wallets_ledgerline (kind, reference, source, target, amount, note,"
                f" created_at) SELECT {kind}, CONCAT('rare_{user}', seq), 'platform',"
                f" 'wallet:{user}', 1, '', NOW(6) FROM seq_1_to_5"
            )


def asked() -> dict[str, str]:
    year = timezone.localdate().year
    flows = {
        f"flow of {kind}": f"wallet/flow?kind={kind}"
        for kind in ("send", "grab", "refund", "topup", "adjustment")
    }
    boxes = {f"{box} in a year": f"packets?box={box}&year={year}" for box in ("sent", "received")}
    return {"flow": "wallet/flow"} | flows | boxes | {"a year": f"packets/summary?year={year}"}


def took_ms(client: Client, address: str, user: str) -> float:
    headers = {"Authorization": f"Bearer {token(user, 3600)}"}
    began = time.perf_counter()
    answer = client.get(f"{API}/{address}", headers=headers)
    if answer.status_code != 200:
        raise RuntimeError(f"{address}: {answer.status_code}")
    return 1000 * (time.perf_counter() - began)


def lists(rounds: int, times: int = 9) -> dict:
    """Each round the median of a few, so that one that was interrupted does not count."""
    client, found = Client(), {}
    for name, address in asked().items():
        for user in ("many", "few"):
            took_ms(client, address, user)
        each: dict[str, list[float]] = {"many": [], "few": []}
        for _ in range(rounds):
            some: dict[str, list[float]] = {"many": [], "few": []}
            for _ in range(times):
                for user, taken in some.items():
                    taken.append(took_ms(client, address, user))
            for user, taken in some.items():
                each[user].append(statistics.median(taken))
        ratios = [many / few for many, few in zip(each["many"], each["few"], strict=True)]
        found[name] = {
            f"{MANY} lines, ms": round(statistics.median(each["many"]), 2),
            f"{FEW} lines, ms": round(statistics.median(each["few"]), 2),
            "ratio": kept.spread(ratios) | {"floor": 3, "goal": 1.2},
        }
    return found


def indexed(columns: str) -> None:
    with connection.cursor() as cursor:
        for side in ("source", "target"):
            name = f"ledger_{side}_kind"
            cursor.execute(
                f"ALTER TABLE wallets_ledgerline DROP INDEX {name},"
                f" ADD INDEX {name} ({columns.format(side=side)})"
            )


def wins(rounds: int) -> dict:
    cpu: dict[str, list[float]] = {name: [] for name in INDEXES}
    settle.wins(settle.paid_packet())  # warm
    for _ in range(rounds):
        for name, columns in INDEXES.items():
            indexed(columns)
            packets = [settle.paid_packet() for _ in range(settle.BATCH)]
            database, here = settle.database_cpu_ms(), time.process_time()
            for packet in packets:
                settle.wins(packet)
            spent = settle.database_cpu_ms() - database + 1000 * (time.process_time() - here)
            cpu[name].append(spent / settle.BATCH / settle.SHARES)
    indexed(INDEXES["with the kind"])
    ratios = [one / other for one, other in zip(*cpu.values(), strict=True)]
    return {f"a win, ms of CPU, {name}": kept.spread(values) for name, values in cpu.items()} | {
        "with / without": kept.spread(ratios)
    }


def main() -> None:
    rounds = stage.asked(__doc__, rounds=5).rounds
    stage.migrate()
    fill("many", 10_000_000, MANY)
    fill("few", 20_000_000, FEW)
    for user in ("many", "few"):
        rare(user)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE TABLE red_packet, red_packet_log, wallets_ledgerline")
        cursor.fetchall()
    while years.keep(user_id="many", year=timezone.localdate().year, now=timezone.now()):
        pass  # as the worker does; a call ends when its time is up
    members.replace(group_id="bench", user_ids=["alice", *settle.USERS])
    result = {
        "rounds": rounds,
        "lists": lists(rounds),
        "what the index costs a win": wins(rounds),
    }
    kept.show(kept.keep("flow", result))


if __name__ == "__main__":
    main()
