"""Measure a refusal against an empty Django view, and write bench/results/refusal.json.

    python ops/servers.py with -- python bench/refusal.py [--rounds 9]

Three servers take turns in each round, in another order each time: the empty view, the product as
it is served, and its Django alone, without the door before it. CPU is that of the web processes, as
the kernel counts it. Whatever else the machine does takes requests per second from whoever has the
turn, and much less of the CPU that one request needs.
"""

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import grab as bench  # noqa: I001  (it sets Django up)

from django.core.management import call_command
from django.db import connections

from bench import load
from bench.seed import SHARES, USERS, packet, population

TURNS, REQUESTS = 3, 4_000  # of each server in a round

RATIOS = {
    "1 refusal / empty": ("refusal per s", "empty per s", 0.75, 1.0),
    "2 refusal CPU / empty CPU (lower)": ("refusal CPU us", "empty CPU us", 1.4, 1.0),
    "refusal by Django alone / empty": ("django refusal per s", "empty per s", 0.75, 1.0),
    "refusal CPU by Django alone / empty CPU (lower)": (
        "django refusal CPU us",
        "empty CPU us",
        1.4,
        1.0,
    ),
    "win CPU / win CPU by Django alone (lower)": ("win CPU us", "django win CPU us", 1.05, 1.0),
}


def measure(rounds: int) -> dict[str, list[float]]:
    figures: dict[str, list[float]] = {}
    with ExitStack() as stack:
        servers = {
            "empty": bench.Server("bench.empty:application"),
            "": bench.Server(bench.PRODUCT),
            "django ": bench.Server("redpacket_site.wsgi:django"),
        }
        for server in servers.values():
            stack.callback(server.stop)
        tokens = [bench.token(user) for user in USERS]
        path = bench.OURS.format(packet(1))
        refusals = [load.post(path, one) for one in tokens * (REQUESTS // len(tokens) + 1)]
        asks = dict.fromkeys(servers, refusals[:REQUESTS]) | {"empty": [load.get("/")] * REQUESTS}
        for name, server in servers.items():
            load.run(server.port, asks[name], bench.CONNECTIONS, bench.WORDS)  # warm; the one share
        for number in range(rounds):
            began = len(next(iter(figures.values()), []))
            for turn in range(TURNS):
                names = list(servers)
                at = (number + turn) % len(names)
                for name in names[at:] + names[:at]:
                    each = "empty" if name == "empty" else f"{name}refusal"
                    _note(figures, each, *_asked(servers[name], asks[name]))
            for name in ("", "django ") if number % 2 else ("django ", ""):
                _note(figures, f"{name}win", *_won(servers[name], tokens))
            for name, values in figures.items():
                figures[name] = [*values[:began], sum(values[began:]) / len(values[began:])]
            print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)
    return figures


def _asked(server, requests: list[bytes]) -> tuple[float, float]:
    """Requests per second, and microseconds of CPU for each."""
    cpu_s = server.cpu_s()
    result = load.run(server.port, requests, bench.CONNECTIONS, bench.WORDS)
    if result.answers["too_slow"] + result.answers["?"] < len(requests) * 0.999:
        raise RuntimeError(f"not every request was refused: {result.answers}")
    return result.per_s, (server.cpu_s() - cpu_s) / len(requests) * 1e6


def _won(server, tokens: list[str]) -> tuple[float, float]:
    cpu_s = server.cpu_s()
    per_s = bench.wins(server.port, bench.OURS, [packet()], tokens)
    return per_s, (server.cpu_s() - cpu_s) / SHARES * 1e6


def _note(figures: dict[str, list[float]], name: str, per_s: float, cpu_us: float) -> None:
    figures.setdefault(f"{name} per s", []).append(per_s)
    figures.setdefault(f"{name} CPU us", []).append(cpu_us)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    call_command("migrate", verbosity=0)
    population()
    connections.close_all()
    bench.write(bench.report(measure(rounds), RATIOS), "refusal")


if __name__ == "__main__":
    main()
