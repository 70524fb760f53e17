"""Audit a long history on MariaDB, whole and by its last day alone; write
bench/results/audit_days.json.

    python ops/servers.py with -- python bench/audit_days.py [--packets 50000] [--rounds 3]

Packets of 100 taken shares over 250 days, closed and sealed, and one more day behind them. Each
audit runs in a process of its own.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ |= {
    "REDPACKET_BROKER_URL": "memory://",
    "REDPACKET_LOG_LEVEL": "ERROR",
    "DJANGO_SETTINGS_MODULE": "redpacket_site.settings",
}

import django

django.setup()

from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from bench import kept
from testing.stage import peak_kb
from wallets import audit, daily, opening
from wallets.models import AuditRun, LedgerLine

SHARES, DAYS, USERS = 100, 250, 1000
AT_ONCE = 500  # packets a statement: one that runs for minutes is cut off
BEGIN = "SET @begin = TIMESTAMP(UTC_DATE() - INTERVAL {days} DAY, '04:00:00')"
FILL = (
    "INSERT INTO red_packet (id, public_id, user_id, for_id, type, number, total_money,"
    " single_money, pay_status, pay_type, is_cli_handle, expend_time, add_time, pay_time,"
    " expire_time, share_min, share_max, return_money, is_frozen, frozen_reason, seed, commitment,"
    " trade_no, intro)"
    " SELECT seq, CONCAT('rp_', LPAD(seq, 10, '0')), 's', 'g', 2, 100, 100, 1, 1, 4, 1, 0, at, at,"
    " at, 0.01, 200, 0, 0, '', '', '', '', '' FROM (SELECT seq, @begin + INTERVAL"
    " FLOOR((seq - 1) * {days} / {packets}) DAY AS at FROM seq_{first}_to_{last}) n",
    "INSERT INTO red_packet_log (rp_id, position, user_id, money, is_good, is_into_account,"
    " is_returned, add_time, update_time) SELECT p.id, s.seq,"
    " CONCAT('u', (p.id * 7 + s.seq) % {users}), 1, 0, 1, 0, p.add_time, p.add_time"
    " FROM red_packet p JOIN seq_1_to_{shares} s WHERE p.id BETWEEN {first} AND {last}",
    "INSERT INTO wallets_ledgerline (kind, reference, source, target, amount, note, created_at,"
    " booked_on) SELECT 1, public_id, 'wallet:s', CONCAT('escrow:', public_id), total_money, '',"
    " add_time, DATE(add_time) FROM red_packet WHERE id BETWEEN {first} AND {last}",
    "INSERT INTO wallets_ledgerline (kind, reference, source, target, amount, note, created_at,"
    " booked_on) SELECT 2, CONCAT(p.public_id, '/', s.position), CONCAT('escrow:', p.public_id),"
    " CONCAT('wallet:', s.user_id), s.money, '', s.update_time, DATE(s.update_time)"
    " FROM red_packet p JOIN red_packet_log s ON s.rp_id = p.id"
    " WHERE p.id BETWEEN {first} AND {last}",
)
WALLETS_AT_ONCE = 100
WALLETS = (
    "INSERT INTO wallets_wallet (user_id, balance, is_frozen, frozen_reason, created_at)"
    " SELECT CONCAT('u', seq), (SELECT SUM(amount) FROM wallets_ledgerline WHERE kind = 2"
    " AND target = CONCAT('wallet:u', seq)), 0, '', @begin FROM seq_{first}_to_{last}"
)
AFTER = (
    "INSERT INTO wallets_ledgerline (kind, reference, source, target, amount, note, created_at,"
    " booked_on) SELECT 5, 'adj_bench', 'platform', 'wallet:s', SUM(total_money), '',"
    " MIN(add_time), DATE(MIN(add_time)) FROM red_packet",
    "INSERT INTO wallets_wallet (user_id, balance, is_frozen, frozen_reason, created_at)"
    " VALUES ('s', 0, 0, '', @begin)",
    "ANALYZE TABLE red_packet, red_packet_log, wallets_ledgerline, wallets_wallet",
)


def fill(packets: int) -> dict[str, float]:
    """All days but the last are closed, sealed and found clean."""
    call_command("migrate", verbosity=0)
    took, began = {}, time.perf_counter()
    with connection.cursor() as cursor:
        words = {"packets": packets, "days": DAYS, "users": USERS, "shares": SHARES}
        cursor.execute(BEGIN.format(**words))
        for first in range(1, packets + 1, AT_ONCE):
            own = {"first": first, "last": min(first + AT_ONCE - 1, packets)}
            for statement in FILL:
                cursor.execute(statement.format(**words, **own))
        for first in range(0, USERS, WALLETS_AT_ONCE):
            own = {"first": first, "last": first + WALLETS_AT_ONCE - 1}
            cursor.execute(WALLETS.format(**own))
        for statement in AFTER:
            cursor.execute(statement)
    took["filled"] = time.perf_counter() - began
    yesterday = daily.midnight_after(timezone.localdate() - timedelta(days=2))
    daily.close_days(now=yesterday + timedelta(hours=1))
    took["closed and sealed"] = time.perf_counter() - began
    return took


def child(way: str, packets: int) -> dict:
    if way == "fill":
        return fill(packets)
    if way == "close":
        return {"closed": daily.close_days(now=timezone.now())}
    if way == "keep":  # as a clean audit of everything would leave it
        until = opening.last_booked()
        opening.keep(until=until)
        AuditRun.objects.create(
            began_at=timezone.now(), took_ms=0, rules=0, findings=0, until=until
        )
        return {"s": None}
    began, cpu = time.perf_counter(), time.process_time()
    is_whole = way == "whole"
    if found := audit.run(now=timezone.now(), is_whole=is_whole):
        raise RuntimeError(found[:3])
    took = {"s": time.perf_counter() - began, "processor s": time.process_time() - cpu}
    return took | {"peak MB": peak_kb() / 1024, "kept until": str(opening.kept_until())}


def in_a_process(way: str, packets: int) -> dict:
    command = [sys.executable, __file__, "--way", way, "--packets", str(packets)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--packets", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--way", default="")
    parser.add_argument("--whole", action=argparse.BooleanOptionalAction, default=True)
    asked = parser.parse_args()
    if asked.way:
        print(json.dumps(child(asked.way, asked.packets)))
        return
    filled = in_a_process("fill", asked.packets)
    print(filled, file=sys.stderr, flush=True)
    whole = in_a_process("whole" if asked.whole else "keep", asked.packets)
    print(whole, file=sys.stderr, flush=True)
    # Yesterday is closed by now, and was not when the whole was found clean.
    in_a_process("close", asked.packets)
    lines = LedgerLine.objects.count()
    since = {"booked_on__gt": opening.kept_until()}
    of_the_day = LedgerLine.objects.filter(**since).count()
    days = []
    for _ in range(asked.rounds):
        days.append(in_a_process("day", asked.packets))
        if len(days) < asked.rounds:  # the next round reads the same day
            with connection.cursor() as cursor:
                cursor.execute("DELETE FROM wallets_auditrun ORDER BY id DESC LIMIT 1")
    kept.show(
        kept.keep(
            "audit_days",
            {
                "lines": lines,
                "lines of the day": of_the_day,
                "filling s": filled,
                "whole": whole,
                "a day": {
                    key: kept.spread([day[key] for day in days], 1)
                    for key in ("s", "processor s", "peak MB")
                },
                "a day / the whole": round(
                    sorted(day["s"] for day in days)[len(days) // 2] / whole["s"], 4
                )
                if asked.whole
                else None,
            },
        )
    )


if __name__ == "__main__":
    main()
