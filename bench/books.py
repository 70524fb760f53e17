"""Measure what the day's books cost a winning grab, and how fast a backlog of lines is booked;
write bench/results/books.json.

    python ops/servers.py with -- python bench/books.py [--rounds 7] [--backlog 1000000]

wins     a hundred winning grabs, one behind the other: with the column and its index as they are,
         and without, in turns; the booking of the lines of a hundred
backlog  so many lines that are in no books yet, booked as the worker does; time and peak memory
"""

import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from testing import stage

stage.set_up()

from django.db import connection
from django.utils import timezone

from bench import kept
from bench.settle import SHARES, database_cpu_ms, paid_packet, wins
from packets import members
from wallets import book

SEEDED, AT_ONCE = 200_000, 5
LINES = (
    "INSERT INTO wallets_ledgerline (kind, reference, source, target, amount, note, created_at)"
    " SELECT 5, CONCAT('bench', seq), 'platform', CONCAT('wallet:b', seq MOD 9973), 1, '',"
    " UTC_TIMESTAMP(6) - INTERVAL seq MICROSECOND FROM seq_{first}_to_{last}"
)
TABLE = "wallets_ledgerline"
WITHOUT = f"ALTER TABLE {TABLE} DROP INDEX ledger_booked, DROP COLUMN booked_on"
WITH = (
    f"ALTER TABLE {TABLE} ADD COLUMN booked_on DATE NULL, ADD INDEX ledger_booked (booked_on, id)"
)


def run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def taken(work) -> dict[str, float]:
    """Microseconds for each share of AT_ONCE packets."""
    database, here, wall = database_cpu_ms(), time.process_time(), time.perf_counter()
    work()
    return {
        "wall us": (time.perf_counter() - wall) * 1e6 / (AT_ONCE * SHARES),
        "process CPU us": (time.process_time() - here) * 1e6 / (AT_ONCE * SHARES),
        "database CPU us": (database_cpu_ms() - database) * 1e3 / (AT_ONCE * SHARES),
    }


def cost(rounds: int) -> dict[str, list[dict]]:
    """A round is without, with, with, without: what grows over time grows for both."""
    measured: dict[str, list[dict]] = {"without books": [], "with books": [], "booking": []}
    for _ in range(rounds):
        for change, name in ((WITHOUT, 0), (WITH, 1), ("", 1), (WITHOUT, 0)):
            if change:
                run(change)
            if name:
                book.book(now=timezone.now())
            packets = [paid_packet() for _ in range(AT_ONCE + 1)]
            wins(packets.pop())  # the first after a change of the table is no measure
            took = taken(lambda packets=packets: [wins(packet) for packet in packets])
            measured["with books" if name else "without books"].append(took)
            if name:
                measured["booking"].append(taken(lambda: book.book(now=timezone.now())))
        run(WITH)
    return measured


def backlog(lines: int) -> dict:
    for first in range(1, lines + 1, 100_000):
        run(LINES.format(first=first, last=min(lines, first + 99_999)))
    before, began, cpu = stage.peak_kb(), time.perf_counter(), time.process_time()
    chunks = []
    while True:
        at = time.perf_counter()
        if not book.book_some(now=timezone.now()):
            break
        chunks.append((time.perf_counter() - at) * 1e3)
    took = time.perf_counter() - began
    tenth = len(chunks) // 10
    return {
        "lines": lines,
        "s": round(took, 1),
        "lines a second": round(lines / took),
        "process CPU s": round(time.process_time() - cpu, 1),
        "ms a chunk, first tenth": round(statistics.median(chunks[:tenth]), 1),
        "ms a chunk, last tenth": round(statistics.median(chunks[-tenth:]), 1),
        "peak MB grew by": round((stage.peak_kb() - before) / 1024, 1),
    }


def medians(rounds: list[dict]) -> dict:
    return {key: kept.spread([one[key] for one in rounds], 1) for key in rounds[0]}


def main(rounds: int, lines: int) -> None:
    stage.migrate()
    members.replace(group_id="bench", user_ids=[f"bench{i}" for i in range(400)])
    run(LINES.format(first=10**9, last=10**9 + SEEDED))
    book.book(now=timezone.now())
    measured = {name: medians(each) for name, each in cost(rounds).items()}
    result = {
        "each winning grab": measured,
        "backlog": backlog(lines),
    }
    kept.show(kept.keep("books", result))


if __name__ == "__main__":
    options = stage.asked(__doc__, rounds=7, backlog=1_000_000)
    main(options.rounds, options.backlog)
