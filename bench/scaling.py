"""How wins and refusals grow with worker processes, and what they cost beside more of everything;
write bench/results/scaling.json.

    python ops/servers.py with -- python bench/scaling.py [--rounds 3] [--seconds 420] [--most N]

processes   1, 2 and 4 of them, 4 threads each: requests per second, CPU of the web processes
packets     one, 20 or 200 packets that are open at once
members     a group of 2 thousand, 20 thousand or 100 thousand
rows        10 thousand, 100 thousand or a million old shares (each in a database of its own)

CPU is that of web processes and MariaDB for one request. Each kind's first size is its yardstick.
No round is begun that would end after so many seconds, but the first; no more rows or members than
N are made.
"""

import statistics
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import grab as bench  # noqa: I001  (it sets Django up)

from django.db import connections

from bench import kept, load
from testing import stage
from bench.seed import SHARES, USERS, packet, population
from packets import members

PROCESSES, PACKETS = (1, 2, 4), (1, 20, 200)
MEMBERS, ROWS = (2_000, 20_000, 100_000), (10_000, 100_000, 1_000_000)
WINS, REFUSALS = SHARES, 4_000
FIGURES = ("wins per s", "win CPU us", "refusals per s", "refusal CPU us")


def ask(server: bench.Server, packets: list[str], tokens: list[str]) -> dict[str, float]:
    """Win all there is, then come too late as often."""
    wins = [
        load.post(bench.OURS.format(packets[i % len(packets)]), tokens[1 + i]) for i in range(WINS)
    ]
    late = [
        load.post(
            bench.OURS.format(packets[i % len(packets)]), tokens[1 + SHARES + i % (SHARES - 1)]
        )
        for i in range(REFUSALS)
    ]
    found = {}
    for name, requests, word in (("win", wins, "grabbed"), ("refusal", late, "too_slow")):
        cpu_s = server.cpu_s() + stage.database_cpu_s()
        result = load.run(server.port, requests, bench.CONNECTIONS, bench.WORDS)
        cpu_s = server.cpu_s() + stage.database_cpu_s() - cpu_s
        if result.answers[word] < len(requests) * 0.999:
            raise RuntimeError(f"not every {name}: {result.answers}")
        found[f"{name}s per s"] = result.per_s
        found[f"{name} CPU us"] = cpu_s / len(requests) * 1e6
    return found


def measure(rounds: int, until: float, most: int) -> dict[str, list[dict[str, float]]]:
    groups, old = ([n for n in sizes if n <= most] for sizes in (MEMBERS, ROWS))
    with ExitStack() as stack:

        def start(server: bench.Server) -> bench.Server:
            stack.callback(server.stop)
            return server

        tokens = [bench.token(user) for user in USERS]
        by_processes = {count: start(bench.Server(bench.PRODUCT, count)) for count in PROCESSES}
        product = by_processes[bench.WORKERS]
        for count in groups:
            extra = [f"more{number}" for number in range(count - len(USERS))]
            members.replace(group_id=f"of{count}", user_ids=[*USERS, *extra])
        beside = {rows: bench.beside(rows, rounds + 1, number) for number, rows in enumerate(old)}
        for server, _ in beside.values():
            start(server)
        cases: dict[str, Callable[[], dict[str, float]]] = {}
        for count, server in by_processes.items():
            cases[f"{count} processes"] = lambda server=server: ask(server, [packet()], tokens)
        for count in PACKETS:
            cases[f"{count} packets"] = lambda count=count: ask(
                product, [packet(-(-SHARES // count)) for _ in range(count)], tokens
            )
        for count in groups:
            cases[f"{count} members"] = lambda count=count: ask(
                product, [packet(group_id=f"of{count}")], tokens
            )
        for count, (server, newest) in beside.items():
            cases[f"{count} rows"] = lambda server=server, newest=newest: ask(
                server, [newest.pop()], tokens
            )
        for case in cases.values():
            case()  # warm
        figures: dict[str, list[dict[str, float]]] = {name: [] for name in cases}
        for number in stage.rounds(rounds, until):
            for name in list(cases)[:: -1 if number % 2 else 1]:
                figures[name].append(cases[name]())
        return figures


def report(figures: dict[str, list[dict[str, float]]]) -> dict:
    """Medians with their spread, and over the first size of the kind, within the round."""
    first: dict[str, str] = {}
    found: dict[str, dict] = {}
    for name, each in figures.items():
        yardstick = figures[first.setdefault(name.split()[1], name)]
        found[name] = {}
        for what in FIGURES:
            values = [one[what] for one in each]
            over = [one[what] / other[what] for one, other in zip(each, yardstick, strict=True)]
            found[name][what] = {
                **kept.spread(values, 1),
                "over the first": round(statistics.median(over), 2),
            }
    return found


def main() -> None:
    asked = stage.asked(__doc__, rounds=3, seconds=420, most=max(ROWS))
    until = time.monotonic() + asked.seconds
    stage.migrate()
    population()
    connections.close_all()
    figures = measure(asked.rounds, until, asked.most)
    found, rounds = report(figures), min(map(len, figures.values()))
    kept.keep("scaling", {**bench.SERVED, "rounds": rounds, "figures": found})
    print(f"{'':18}" + "".join(f"{what:>24}" for what in FIGURES))
    for name, one in found.items():
        cells = [f"{one[w]['median']:.0f} ({one[w]['over the first']:.2f})" for w in FIGURES]
        print(f"{name:18}" + "".join(f"{cell:>24}" for cell in cells))


if __name__ == "__main__":
    main()
