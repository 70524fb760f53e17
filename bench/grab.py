"""Measure the grab against its yardsticks in interleaved rounds, and write bench/results/grab.json.

    make bench            (python ops/servers.py with -- python bench/grab.py [--rounds 5])

empty    an empty Django view, no middleware, same server and workers
ceiling  the winner's three statements raw, 8 connections, same durability
naive    select_for_update on the packet, in the same stack
"""

import json
import os
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from testing import stage

FOLDER = stage.folder()
WORKERS, THREADS, CONNECTIONS = 2, 4, 32
SERVED = {
    "server": f"granian wsgi, {WORKERS} workers x {THREADS} threads, {CONNECTIONS} connections"
}
FEW, LOTS = 10_000, 1_000_000  # old shares beside the newest packets
WORDS = (b"already_grabbed", b"grabbed", b"too_slow", b"expired")


def make_keys() -> dict:
    """RSA and Ed25519 keys of a chat platform; the public halves as the JWKS file."""
    import jwt
    from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

    keys = {
        "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
        "EdDSA": ed25519.Ed25519PrivateKey.generate(),
    }
    jwks = [
        json.loads(jwt.get_algorithm_by_name(name).to_jwk(key.public_key()))
        | {"kid": name, "alg": name}
        for name, key in keys.items()
    ]
    (FOLDER / "jwks.json").write_text(json.dumps({"keys": jwks}))
    return keys


KEYS = make_keys()
stage.set_up(
    REDPACKET_LOG_LEVEL="INFO",  # as it is served
    REDPACKET_SHARES_MAX="1000",
    REDPACKET_JWT_KEYS=str(FOLDER / "jwks.json"),
    PROMETHEUS_MULTIPROC_DIR=str(FOLDER),  # figures shared by processes, as `make up` keeps them
    DJANGO_SETTINGS_MODULE="bench.settings",
)

import jwt
from django.conf import settings
from django.db import connection, connections

from bench import kept, load, table
from bench.seed import SHARES, USERS, packet, population
from packets.models import Share
from testing.forks import in_processes
from testing.ports import free_port
from wallets.audit import audit


def token(user_id: str, algorithm: str = "HS256") -> str:
    key = settings.REDPACKET_JWT_SECRET if algorithm == "HS256" else KEYS[algorithm]
    headers = {} if algorithm == "HS256" else {"kid": algorithm}
    claims = {"sub": user_id, "exp": int(time.time()) + 36_000}
    return jwt.encode(claims, key, algorithm=algorithm, headers=headers)


class Server:
    """granian with the product, the empty view, or the product without a Redis that answers."""

    def __init__(self, application: str, workers: int = WORKERS, **environment: str):
        self.port = free_port()
        command = [
            *(sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1"),
            *("--port", str(self.port), "--workers", str(workers)),
            *("--blocking-threads", str(THREADS), "--no-ws", "--log-level", "error", application),
        ]
        log = (FOLDER / f"{self.port}.log").open("wb")
        self.process = subprocess.Popen(
            command, cwd=stage.ROOT, env=os.environ | environment, stdout=log, stderr=log
        )
        self._wait()

    def _wait(self) -> None:
        for path in ("/health/live", "/"):
            for _ in range(600):  # a busy machine takes its time
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=2)
                    return
                except urllib.error.HTTPError:
                    break
                except OSError:
                    if self.process.poll() is not None:
                        raise RuntimeError((FOLDER / f"{self.port}.log").read_text()) from None
                    time.sleep(0.1)

    def cpu_s(self) -> float:
        """Seconds of CPU that the workers have used."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return sum(stage.cpu_s(int(pid)) for pid in [self.process.pid, *children.split()])

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


def ceiling() -> float:
    """Wins per second of the three statements raw, 8 connections."""
    public_id = packet()
    rp_id = Share.objects.filter(rp__public_id=public_id).values_list("rp_id", flat=True)[0]
    share, wallet, line = (
        "UPDATE red_packet_log SET user_id = %s, update_time = UTC_TIMESTAMP(6),"
        " is_into_account = 1 WHERE rp_id = %s AND position = %s AND user_id IS NULL"
        " AND is_returned = 0",
        "INSERT INTO wallets_wallet (user_id, balance, is_frozen, frozen_reason, created_at)"
        " VALUES (%s, %s, 0, '', UTC_TIMESTAMP(6))"
        " ON DUPLICATE KEY UPDATE balance = balance + VALUES(balance)",
        "INSERT INTO wallets_ledgerline (kind, reference, source, target, amount, note,"
        " created_at) VALUES (2, %s, %s, %s, %s, '', UTC_TIMESTAMP(6))",
    )
    amounts = dict(Share.objects.filter(rp_id=rp_id).values_list("position", "money"))

    def some(part: int) -> tuple[float, float]:
        connection.ensure_connection()
        raw = connection.connection
        cursor = raw.cursor()
        began = time.time()
        for position in range(part + 1, SHARES + 1, 8):
            user = USERS[position]
            raw.query("BEGIN")
            cursor.execute(share, [user, rp_id, position])
            cursor.execute(wallet, [user, amounts[position]])
            reference = f"{public_id}/{position}"
            cursor.execute(
                line, [reference, f"escrow:{public_id}", f"wallet:{user}", amounts[position]]
            )
            raw.commit()
        return began, time.time()

    spans = in_processes(some, range(8))
    return SHARES / (max(end for _, end in spans) - min(begin for begin, _ in spans))


def wins(port: int, path: str, packets: list[str], tokens: list[str]) -> float:
    """Wins per second; users and packets are chosen so that every request wins."""
    requests = [
        load.post(path.format(packets[i % len(packets)]), tokens[1 + i]) for i in range(SHARES)
    ]
    result = load.run(port, requests, CONNECTIONS, WORDS)
    if result.answers["grabbed"] < SHARES:
        raise RuntimeError(f"not every request won: {result.answers}")
    return result.per_s


def rush(port: int, path: str, tokens: list[str]) -> float:
    """Tries per second when 2,000 come for 100 shares."""
    public_id = packet(100)
    requests = [load.post(path.format(public_id), one) for one in tokens[:2000]]
    result = load.run(port, requests, CONNECTIONS, WORDS)
    if result.answers["grabbed"] != 100 or result.answers["too_slow"] != 1900:
        raise RuntimeError(f"inconsistent rush: {result.answers}")
    return result.per_s


def beside(old_shares: int, packets: int, number: int) -> tuple[Server, list[str]]:
    """The product on a database of its own with so many old shares, and its newest packets."""
    url, name = os.environ["REDPACKET_DATABASE_URL"], settings.DATABASES["default"]["NAME"]
    number += 1  # of the database, and of Redis; the first are everybody's
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}_{number} CHARACTER SET utf8mb4")
    environment = {
        "REDPACKET_DATABASE_URL": url.replace(f"/{name}?", f"/{name}_{number}?"),
        "REDPACKET_REDIS_URL": settings.REDIS_URL.replace("db=0", f"db={number}"),
    }
    seed = [sys.executable, "bench/seed.py", str(old_shares), str(packets)]
    seeded = subprocess.run(
        seed, cwd=stage.ROOT, env=os.environ | environment, stdout=subprocess.PIPE, check=True
    )
    return Server(PRODUCT, **environment), json.loads(seeded.stdout)


PRODUCT = "redpacket_site.wsgi:application"
OURS, NAIVE = "/api/v1/packets/{}/grab", "/bench/{}/grab"


def measure(rounds: int) -> dict[str, list[float]]:
    with ExitStack() as servers:

        def start(server: Server) -> Server:
            servers.callback(server.stop)
            return server

        figures = rounds_of(rounds, start)
    if findings := audit():  # the raw ceiling and the rival write sound books, too
        raise RuntimeError(f"the audit is not clean: {findings[:3]}")
    return figures


def rounds_of(rounds: int, start) -> dict[str, list[float]]:
    product = start(Server(PRODUCT))
    nobody = f"unix://{FOLDER}/nobody-listens.sock?db=0"
    no_redis = start(Server(PRODUCT, REDPACKET_REDIS_URL=nobody))
    empty = start(Server("bench.empty:application"))
    few, few_packets = beside(FEW, rounds + 1, 0)
    start(few)
    lots, lots_packets = beside(LOTS, rounds + 1, 1)
    start(lots)
    tokens = [token(user) for user in USERS]
    gone = packet(1)
    refusals = [load.post(OURS.format(gone), one) for one in tokens]
    load.run(product.port, refusals * 2, CONNECTIONS, WORDS)  # warm; takes the only share
    load.run(no_redis.port, refusals, CONNECTIONS, WORDS)
    load.run(empty.port, [load.get("/")] * 2000, CONNECTIONS)
    for server, newest in ((few, few_packets), (lots, lots_packets)):
        wins(server.port, OURS, [newest.pop()], tokens)
    figures: dict[str, list[float]] = {}

    def note(name: str, value: float) -> float:
        figures.setdefault(name, []).append(value)
        return value

    for _ in stage.rounds(rounds):
        cpu = empty.cpu_s()
        idle = load.run(empty.port, [load.get("/")] * 10_000, CONNECTIONS)
        note("empty per s", idle.per_s)
        note("empty CPU us", (empty.cpu_s() - cpu) / 10_000 * 1e6)
        cpu = product.cpu_s()
        refused = load.run(product.port, refusals * 5, CONNECTIONS, WORDS)
        count = len(refusals) * 5
        if refused.answers["too_slow"] < count * 0.999:
            raise RuntimeError(f"not every request was refused: {refused.answers}")
        note("refusal per s", refused.per_s)
        note("refusal CPU us", (product.cpu_s() - cpu) / count * 1e6)
        note("ceiling per s", ceiling())
        note("win hot per s", wins(product.port, OURS, [packet()], tokens))
        note("naive hot per s", wins(product.port, NAIVE, [packet()], tokens))
        note("win many per s", wins(product.port, OURS, [packet(50) for _ in range(20)], tokens))
        note("rush per s", rush(product.port, OURS, tokens))
        note("naive rush per s", rush(product.port, NAIVE, tokens))
        note("win without redis per s", wins(no_redis.port, OURS, [packet()], tokens))
        for server, newest, name in ((few, few_packets, FEW), (lots, lots_packets, LOTS)):
            note(f"win beside {name} per s", wins(server.port, OURS, [newest.pop()], tokens))
        for algorithm in ("HS256", "RS256", "EdDSA"):
            fresh = [token(f"bench{1 + i}", algorithm) for i in range(250)]
            used = [load.post(OURS.format(gone), one) for _ in range(20) for one in fresh]
            note(f"refusal {algorithm} per s", load.run(product.port, used).per_s)
    return figures


# number in docs/hot-path.md: what over what, floor, goal; "lower" means: less is better
RATIOS = {
    "1 refusal / empty": ("refusal per s", "empty per s", 0.75, 1.0),
    "2 refusal CPU / empty CPU (lower)": ("refusal CPU us", "empty CPU us", 1.4, 1.0),
    "3 win / ceiling": ("win hot per s", "ceiling per s", 0.34, 0.45),
    "4 win / naive, hot packet": ("win hot per s", "naive hot per s", 4.5, 6.5),
    "5 rush / naive": ("rush per s", "naive rush per s", 9, 13),
    "6 hot packet / many packets": ("win hot per s", "win many per s", 0.90, 0.97),
    "8 win at 1 million rows / at 10 thousand": (
        f"win beside {LOTS} per s",
        f"win beside {FEW} per s",
        0.90,
        0.97,
    ),
    "12 Redis stopped, win / naive": ("win without redis per s", "naive hot per s", 2, 4),
    "13 RS256 / HS256": ("refusal RS256 per s", "refusal HS256 per s", 0.9, 0.97),
    "13 EdDSA / HS256": ("refusal EdDSA per s", "refusal HS256 per s", 0.9, 0.97),
}


def report(figures: dict[str, list[float]], wanted: dict = RATIOS) -> dict:
    """Medians of the rounds' own ratios, with their spread."""
    ratios = {}
    for name, (above, below, floor, goal) in wanted.items():
        each = [a / b for a, b in zip(figures[above], figures[below], strict=True)]
        found = kept.spread(each, 3) | {"floor": floor, "goal": goal}
        ratios[name] = found | {"reached": table.reached(found)}
    return {
        **SERVED,
        "rounds": len(next(iter(figures.values()))),
        "ratios": ratios,
        "figures": {name: kept.spread(values, 1) for name, values in figures.items()},
    }


def main() -> None:
    rounds = stage.asked(__doc__, rounds=5).rounds
    stage.migrate()
    population()
    connections.close_all()
    write(report(measure(rounds)), "grab")


def write(result: dict, name: str) -> None:
    kept.keep(name, result)
    for ratio_name, ratio in result["ratios"].items():
        print(table.line(ratio_name, ratio))


if __name__ == "__main__":
    main()
