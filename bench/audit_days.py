"""Audit two histories of days that are like each other, one a hundred times as long: whole, and by
the last day alone; and what whoever reads days pays for what lies behind them. Write
bench/results/audit_days.json.

    python ops/servers.py with -- python bench/audit_days.py [--days 4 365] [--rounds 3]

365 days are 5 million shares and as many ledger lines. Both stand beside each other on one server
and take turns; each audit runs in a process of its own.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from testing import stage

stage.set_up()

from django.db import connection
from django.utils import timezone

from bench import asked, beside, history, kept
from wallets import audit, daily, opening, reach, seals
from wallets.models import AuditRun, LedgerLine

SHARES_A_DAY = 13_700
URL = "REDPACKET_DATABASE_URL"


def fill(days: int) -> dict:
    """All days but yesterday are closed and sealed."""
    stage.migrate()
    began = time.perf_counter()
    rows = history.write(shares=days * SHARES_A_DAY, staff=asked.staff().pk, days=days, unclosed=1)
    filled = time.perf_counter()
    while seals.seal_days():
        pass
    return {"rows": rows, "s": filled - began, "sealed in s": time.perf_counter() - filled}


def whole(_: int) -> dict:
    return audited(is_whole=True)


def day(_: int) -> dict:
    """The next round reads the same one."""
    found = audited(is_whole=False)
    AuditRun.objects.latest("pk").delete()
    return found


def close(_: int) -> dict:
    """Yesterday: booked, summed and sealed by the product, as beat would."""
    with taken() as took:
        if daily.close_days(now=timezone.now()) != 1:
            raise RuntimeError("yesterday was not the only day to close")
    with reach.from_day(opening.kept_until()):
        took["lines since the last audit"] = sum(len(lines) for lines in reach.lines())
    took["lines"] = LedgerLine.objects.count()
    return took


def read(_: int) -> dict:
    return beside.history()


def audited(*, is_whole: bool) -> dict:
    rules: dict[str, dict] = {}
    for name, rule in list(audit._rules.items()):
        audit._rules[name] = timed(rules, name, rule)
    with taken() as took:
        if found := audit.run(now=timezone.now(), is_whole=is_whole):
            raise RuntimeError(found[:3])
    return took | {"peak MB": stage.peak_kb() / 1024, "rules": rules}


def timed(rules: dict[str, dict], name: str, rule: audit.Rule) -> audit.Rule:
    def work():
        with taken() as took:
            found = list(rule())
        rules[name] = took
        print(name, took, file=sys.stderr, flush=True)
        return found

    return work


@contextmanager
def taken():
    """Seconds on the wall and of both processors, and rows that the storage engine read."""
    took: dict[str, float] = {}
    wall, here, database = time.perf_counter(), time.process_time(), stage.database_cpu_s()
    rows = beside.rows_read()
    yield took
    took["s"] = time.perf_counter() - wall
    took["processor s"] = time.process_time() - here
    took["database processor s"] = stage.database_cpu_s() - database
    took["rows read"] = beside.rows_read() - rows


WAYS = {way.__name__: way for way in (fill, whole, close, day, read)}


def in_a_process(way: str, days: int) -> dict:
    url = urlsplit(os.environ[URL])
    own = url._replace(path=f"{url.path.partition('_')[0]}_{days}_days").geturl()
    command = [sys.executable, __file__, "--way", way, "--days", str(days)]
    done = subprocess.run(
        command, env=os.environ | {URL: own}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    print(way, days, f"{os.getloadavg()[0]:.1f}", done.stdout[:300], file=sys.stderr, flush=True)
    return rounded(json.loads(done.stdout.splitlines()[-1]))


def rounded(found: dict) -> dict:
    return {
        key: rounded(value) if isinstance(value, dict) else round(value, 2)
        for key, value in found.items()
    }


def middle(rounds: list[dict]) -> dict:
    """Medians with their spread; of dicts within dicts, of each. Rows are the same each time."""
    found = {}
    for key, first in rounds[0].items():
        values = [one[key] for one in rounds]
        if isinstance(first, dict):
            found[key] = middle(values)
        else:
            found[key] = kept.spread(values) if len(set(values)) > 1 else first
    return found


def main(sizes: list[int], rounds: int, is_filled: bool) -> None:
    found: dict[str, dict] = {f"{days} days": {} for days in sizes}
    for days in sizes:
        if not is_filled:
            with connection.cursor() as cursor:
                cursor.execute(
                    f"CREATE DATABASE {connection.settings_dict['NAME']}_{days}_days"
                    " CHARACTER SET utf8mb4"
                )
            found[f"{days} days"]["filling"] = in_a_process("fill", days)
        found[f"{days} days"]["whole"] = in_a_process("whole", days)
        # Yesterday is closed by now, and was not when the whole was found clean.
        found[f"{days} days"]["closing a day"] = in_a_process("close", days)
    for way, name in (("day", "a day"), ("read", "beside history")):
        turns = [{days: in_a_process(way, days) for days in sizes} for _ in range(rounds)]
        for days in sizes:
            found[f"{days} days"][name] = middle([turn[days] for turn in turns])
    kept.show(kept.keep("audit_days", found))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--days", type=int, nargs="+", default=[4, 365])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--way", choices=WAYS)
    parser.add_argument("--filled", action="store_true", help="by a run before, on this server")
    options = parser.parse_args()
    if options.way:
        print(json.dumps(WAYS[options.way](options.days[0])))
    else:
        main(options.days, options.rounds, options.filled)
