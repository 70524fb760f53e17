"""Measure the settlement, and what grabs notice of it; write bench/results/settle.json.

    python ops/servers.py with -- python bench/settle.py [--rounds 5]

cost    a packet of 100 taken shares settled as one set, against 100 single credits, against the
        winning grab of a paid share: CPU of the database and of this process, in interleaved rounds
waits   winning grabs of paid shares from two processes, while a third one confirms and settles
        packets of the same takers, against the same without it
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ |= {
    "REDPACKET_DATA_DIR": tempfile.mkdtemp(prefix="hongbao-bench-"),
    "REDPACKET_THROTTLE": "off",
    "REDPACKET_BROKER_URL": "memory://",
    "REDPACKET_LOG_LEVEL": "ERROR",
    "DJANGO_SETTINGS_MODULE": "redpacket_site.settings",
}

import django

django.setup()

from django.core.management import call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bench import kept
from kit.http.caller import Caller
from packets import grab, members, settle
from packets.models import RedPacket
from packets.states import Kind
from packets.tickets import claim as grab_sql
from testing.forks import in_processes
from testing.make import confirm, make_paid_packet, make_reported_packet
from wallets.audit import audit

SHARES, BATCH = 100, 5  # packets measured at once: the clock of one settlement is too coarse
GRABBERS, GRABS = 2, 200
USERS = [f"bench{i}" for i in range(max(SHARES, GRABBERS * GRABS))]


def taken_packet() -> tuple[RedPacket, object]:
    """Reported, and all its shares taken; the product's own claims in one transaction."""
    packet, order = make_reported_packet(Kind.EQUAL, SHARES, "1.00", for_id="bench")
    with transaction.atomic():
        for position in range(1, SHARES + 1):
            grab_sql.claim(
                rp_id=packet.pk,
                public_id=packet.public_id,
                position=position,
                user_id=USERS[position - 1],
                group_id="bench",
                is_into_account=False,
                now=timezone.now(),
            )
    return packet, order


def confirmed_packet() -> RedPacket:
    packet, order = taken_packet()
    confirm(order, timezone.now())
    return packet


def paid_packet() -> RedPacket:
    return make_paid_packet(Kind.EQUAL, SHARES, "1.00", for_id="bench", sender=USERS[0])


def as_a_set(packet: RedPacket) -> None:
    if not settle.run_pass(rp_id=packet.pk, number=1, now=timezone.now()):
        raise RuntimeError("the pass was not run")


def one_by_one(packet: RedPacket) -> None:
    settle._settle_one_by_one(packet.pk, 1, timezone.now(), None)


def wins(packet: RedPacket) -> None:
    for user in USERS[:SHARES]:
        result = grab.grab(public_id=packet.public_id, caller=Caller(user), now=timezone.now())
        if result.outcome != "grabbed":
            raise RuntimeError(result.outcome)


WORKS = {
    "settled as a set": (confirmed_packet, as_a_set),
    "settled one by one": (confirmed_packet, one_by_one),
    "won by grabs": (paid_packet, wins),
}


def database_cpu_ms() -> float:
    """What all threads of the server have used; the kernel counts it in nanoseconds."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT @@pid_file")
        pid = Path(cursor.fetchone()[0]).read_text().strip()
    used_ns = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        used_ns += int((task / "schedstat").read_text().split()[0])
    return used_ns / 1e6


def cost(rounds: int) -> dict[str, list[dict]]:
    """Per 100 shares: milliseconds of CPU in the database and here, and on the wall."""
    measured: dict[str, list[dict]] = {name: [] for name in WORKS}
    for _ in range(rounds):
        for name, (prepare, work) in WORKS.items():
            packets = [prepare() for _ in range(BATCH)]
            database, here, wall = database_cpu_ms(), time.process_time(), time.perf_counter()
            for packet in packets:
                work(packet)
            measured[name].append(
                {
                    "wall ms": (time.perf_counter() - wall) * 1000 / BATCH,
                    "process CPU ms": (time.process_time() - here) * 1000 / BATCH,
                    "database CPU ms": (database_cpu_ms() - database) / BATCH,
                }
            )
    return measured


def statements(name: str) -> int:
    prepare, work = WORKS[name]
    packet = prepare()
    with CaptureQueriesContext(connection) as asked:
        work(packet)
    # With BEGIN and COMMIT; several may leave in one piece.
    return sum(len(query["sql"].split("; ")) for query in asked.captured_queries)


def row_lock_waits() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_waits'")
        return int(cursor.fetchone()[1])


def grabbing(others) -> tuple[list[float], int, int]:
    """Latencies of winning grabs, ms; how many packets were settled, and row locks waited for."""
    packets = [[paid_packet() for _ in range(GRABS // SHARES)] for _ in range(GRABBERS)]
    before = row_lock_waits()

    def work(part: int):
        if part == GRABBERS:
            return others()
        took_ms = []
        for packet in packets[part]:
            for user in USERS[part * SHARES : (part + 1) * SHARES]:
                began = time.perf_counter()
                grab.grab(public_id=packet.public_id, caller=Caller(user), now=timezone.now())
                took_ms.append((time.perf_counter() - began) * 1000)
        return took_ms

    *latencies, settled = in_processes(work, range(GRABBERS + 1))
    took_ms = [ms for some in latencies for ms in some]
    return took_ms, settled, row_lock_waits() - before


def waits(rounds: int) -> dict:
    measured = {name: {"ms": [], "settled": 0, "locks": 0} for name in ("without", "with")}
    for _ in range(rounds):
        reported = [taken_packet() for _ in range(BATCH * 2)]

        def confirm_and_settle(reported=reported) -> int:
            for packet, order in reported:
                confirm(order, timezone.now())
                as_a_set(packet)
            return len(reported)

        for name, others in (("without", lambda: 0), ("with", confirm_and_settle)):
            took_ms, settled, locks = grabbing(others)
            measured[name]["ms"] += took_ms
            measured[name]["settled"] += settled
            measured[name]["locks"] += locks
    return {
        name: {
            "grabs": len(found["ms"]),
            "median ms": round(statistics.median(found["ms"]), 2),
            "p99 ms": round(statistics.quantiles(found["ms"], n=100)[98], 2),
            "packets of 100 confirmed and settled meanwhile": found["settled"],
            "row locks waited for": found["locks"],
        }
        for name, found in measured.items()
    }


def summary(rounds: list[dict]) -> dict:
    found = {}
    for key in rounds[0]:
        found[key] = kept.spread([one[key] for one in rounds])
    return found


def ratios(measured: dict[str, list[dict]]) -> dict:
    """Medians of the rounds' own ratios of CPU, database and process together."""

    def cpu(name: str) -> list[float]:
        return [one["process CPU ms"] + one["database CPU ms"] for one in measured[name]]

    a_win = [ms / SHARES for ms in cpu("won by grabs")]
    found = {}
    for name in ("settled as a set", "settled one by one"):
        each = [ms / win for ms, win in zip(cpu(name), a_win, strict=True)]
        found[f"100 shares {name} / one winning grab"] = kept.spread(each)
    found["100 shares settled as a set / one winning grab"] |= {"floor": 4, "goal": 3}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    call_command("migrate", verbosity=0)
    members.replace(group_id="bench", user_ids=["alice", *USERS])
    for name in WORKS:
        WORKS[name][1](WORKS[name][0]())  # warm
    measured = cost(rounds)
    result = {
        "rounds": rounds,
        "ratios": ratios(measured),
        "100 shares": {
            name: {"statements": statements(name)} | summary(measured[name]) for name in WORKS
        },
        "winning grabs beside confirmations and settlements": waits(rounds),
    }
    if findings := audit():
        raise RuntimeError(f"the audit is not clean: {findings[:3]}")
    kept.show(kept.keep("settle", result))


if __name__ == "__main__":
    main()
