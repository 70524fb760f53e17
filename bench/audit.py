"""Audit 2,000 packets of 100 taken shares on both engines, each run in a process of its own; write
bench/results/audit.json.

    python ops/servers.py with -- python bench/audit.py [--rounds 5]

The peak is the kernel's VmHWM, beside it that of a process that has only started Django. "all at
once" is the same audit with all shares of a chunk of packets in memory, however many they are.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
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
from django.db import connection, transaction
from django.utils import timezone

from bench import kept
from kit import sql
from packets import audit as packets_audit
from packets.models import RedPacket, Share
from testing.stage import peak_kb
from wallets.audit import audit
from wallets.models import Wallet

PACKETS, SHARES = 2000, 100


def joined(*parts: str) -> str:
    """SQL texts one behind the other."""
    return f"CONCAT({', '.join(parts)})" if sql.is_mysql() else f"({' || '.join(parts)})"


ESCROW = joined("'escrow:'", "public_id")
GRAB, TAKER = joined("public_id", "'/'", "position"), joined("'wallet:'", "s.user_id")
LINES = (
    "SELECT 5, 'adj_bench', 'platform', 'wallet:s', SUM(total_money), '', MIN(add_time)"
    " FROM red_packet",
    f"SELECT 1, public_id, 'wallet:s', {ESCROW}, total_money, '', add_time FROM red_packet",
    f"SELECT 2, {GRAB}, {ESCROW}, {TAKER}, s.money, '', s.update_time"
    " FROM red_packet_log s JOIN red_packet p ON p.id = s.rp_id",
)


def fill() -> None:
    """Paid by balance, taken to the last share, finished."""
    now = timezone.now().replace(microsecond=0)
    packets = [
        RedPacket(
            id=number,
            public_id=f"rp_{number:08d}",
            user_id="s",
            for_id="g",
            type=2,
            number=SHARES,
            total_money=SHARES,
            single_money=1,
            pay_status=1,
            pay_type=4,
            is_cli_handle=True,
            expend_time=0,
            add_time=now,
            pay_time=now,
            expire_time=now,
            share_min="0.01",
            share_max=200,
        )
        for number in range(1, PACKETS + 1)
    ]
    with transaction.atomic():
        RedPacket.objects.bulk_create(packets, batch_size=500)
        for packet in packets:
            Share.objects.bulk_create(
                Share(
                    rp=packet,
                    position=position,
                    user_id=f"u{position}",
                    money=1,
                    is_into_account=True,
                    add_time=now,
                    update_time=now,
                )
                for position in range(1, SHARES + 1)
            )
        Wallet.objects.bulk_create(
            Wallet(user_id=f"u{position}", balance=PACKETS, created_at=now)
            for position in range(1, SHARES + 1)
        )
        Wallet.objects.create(user_id="s", created_at=now)
        with connection.cursor() as cursor:
            for select in LINES:
                cursor.execute(
                    "INSERT INTO wallets_ledgerline"
                    f" (kind, reference, source, target, amount, note, created_at) {select}"
                )


def child(way: str) -> None:
    if way == "fill":
        call_command("migrate", verbosity=0)
        fill()
        return
    if way == "all at once":
        packets_audit.by_weight = lambda chunks, weight: iter(chunks)
    began, cpu = time.perf_counter(), time.process_time()
    if way != "nothing" and (found := audit()):
        raise RuntimeError(found[:3])
    took = {
        "peak MB": peak_kb() / 1024,
        "s": time.perf_counter() - began,
        "processor s": time.process_time() - cpu,
    }
    print(json.dumps(took))


def in_a_process(way: str, environment: dict[str, str]) -> dict:
    command = [sys.executable, __file__, "--way", way]
    env = {**os.environ, **environment}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout or "{}")


def measured(rounds: int, environment: dict[str, str]) -> dict:
    in_a_process("fill", environment)
    ways: dict[str, list] = {"nothing": [], "all at once": [], "by weight": []}
    for _ in range(rounds):
        for way, each in ways.items():
            each.append(in_a_process(way, environment))
    return {
        way: {
            key: {
                "median": round(statistics.median(values := [one[key] for one in each]), 1),
                "spread": [round(min(values), 1), round(max(values), 1)],
            }
            for key in each[0]
        }
        for way, each in ways.items()
    }


def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory(prefix="hongbao-bench-") as data:
        here = {"REDPACKET_DATA_DIR": data}
        result = {
            "packets": PACKETS,
            "shares each": SHARES,
            "mariadb": measured(rounds, here),
            "sqlite": measured(
                rounds, here | {"REDPACKET_DATABASE_URL": f"sqlite:///{data}/db.sqlite3"}
            ),
        }
    kept.show(kept.keep("audit", result))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--way", choices=["fill", "nothing", "all at once", "by weight"])
    options = parser.parse_args()
    child(options.way) if options.way else main(options.rounds)
