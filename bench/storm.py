"""Raise the storm of Spec 1.7, and write bench/results/storm.json.

    python ops/servers.py with -- python bench/storm.py [--packets 500] [--rounds 3]

Every packet is reported; its ten members grab while it is confirmed, and both passes run. A round
fails unless every taken share was credited exactly once and the audit is clean.
"""

import sys
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from testing import stage

stage.set_up()

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
    asked = stage.asked(__doc__, packets=500, rounds=3)
    rounds = []
    stage.migrate()
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
