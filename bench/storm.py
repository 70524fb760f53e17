"""Raise the storm of Spec 1.7, and write bench/results/storm.json.

    python ops/servers.py with -- python bench/storm.py [--packets 500] [--rounds 3]

Every packet is reported; its ten members grab while it is confirmed, and both passes run. A round
fails unless every taken share was credited exactly once and the audit is clean.
"""

import argparse
import os
import sys
import tempfile
from dataclasses import asdict
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
from django.db import connection

from bench import kept
from packets import settle
from testing import storm
from wallets.audit import audit


def deadlocks() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'")
        return int(cursor.fetchone()[1])


def one_round(packets: int) -> dict:
    before = deadlocks()
    report = asdict(storm.storm(packets))
    if findings := audit():
        raise RuntimeError(f"the audit is not clean: {findings[:3]}")
    return report | {"deadlocks": deadlocks() - before}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packets", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    rounds = []
    call_command("migrate", verbosity=0)
    for number in range(1, asked.rounds + 1):
        rounds.append(one_round(asked.packets))
        print(f"round {number} of {asked.rounds}: {rounds[-1]}", flush=True)
    result = {
        "processes": {
            "grabbing": storm.GRABBERS,
            "confirming": storm.CONFIRMERS,
            "settling": storm.SETTLERS,
        },
        "second_pass_after_s": settle.SETTLE_SECOND_PASS_S,
        "rounds": rounds,
    }
    kept.keep("storm", result)


if __name__ == "__main__":
    main()
