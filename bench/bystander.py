"""How long a bystander waits while others do what costs much: write bench/results/bystander.json.

    make bench-bystander      (python ops/servers.py with -- python bench/bystander.py [--rounds 5])

One process after the other, of two kinds, as a machine with two cores runs them all in one: two
workers of eight threads, MariaDB with every commit durable, Redis, Django's own hash of passwords.

guarded    the product
unguarded  the same without seats, breakers and the shorter wait (unguarded.py)

In each round somebody asks for his wallet every few milliseconds: first alone (quiet), then while
60 people log in with wrong passwords, then while 20 pay at a gateway that accepts and stays silent.
Each log-in comes from another address, or the lock-out would spare us all hashes after the first.
Both crowds come again as soon as they may: a second after a refusal, at once after an answer.
"""

import http.client
import json
import math
import multiprocessing
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from testing import stage

FOLDER = stage.folder()
stage.set_up(
    REDPACKET_LOG_LEVEL="INFO",  # as it is served
    REDPACKET_PROXY_IP_HEADER="X-Real-IP",
    REDPACKET_CHANNELS_FILE=str(FOLDER / "channels.json"),
    PROMETHEUS_MULTIPROC_DIR=str(FOLDER),
)


from bench import kept
from sandbox.management.commands.token import token
from testing.other_side import write_all
from testing.ports import free_port

WORKERS, THREADS = 2, 8
LOGGING_IN, PAYING = 60, 20
QUIET_S, ATTACK_S, PAUSE_S, COMES_AGAIN_S = 6, 10, 0.005, 1.0
GOAL = 3.0
forking = multiprocessing.get_context("fork")
APPLICATIONS = {
    "guarded": "redpacket_site.wsgi:application",
    "unguarded": "bench.unguarded:application",
}


class SilentGateway:
    """Accepts whoever comes, and never says a word."""

    def __init__(self) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0), backlog=500)
        self.kept: list[socket.socket] = []
        self.url = f"http://127.0.0.1:{self.listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            self.kept.append(self.listening.accept()[0])


@contextmanager
def server(application: str):
    port = free_port()
    command = [
        *(sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1"),
        *("--port", str(port), "--workers", str(WORKERS), "--blocking-threads", str(THREADS)),
        *("--no-ws", "--log-level", "error", application),
    ]
    with (FOLDER / f"{port}.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=stage.ROOT, env=os.environ, stdout=log, stderr=log, start_new_session=True
        )
        try:
            _wait_for(port)
            yield port
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # workers that hash or wait go on for a minute
            process.wait()


def _wait_for(port: int) -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health/live", timeout=2)
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the server does not start")


class Bystander:
    """Asks for his wallet, one request at a time, on one connection that is kept."""

    def __init__(self, port: int) -> None:
        self.port, self.bearer = port, {"Authorization": f"Bearer {token('bystander', 36_000)}"}
        self.link = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

    def ask(self) -> float:
        began = time.perf_counter()
        self.link.request("GET", "/api/v1/wallet", headers=self.bearer)
        answer = self.link.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"the bystander is told {answer.status}")
        return 1000 * (time.perf_counter() - began)

    def watch(self, seconds: float) -> list[float]:
        """Milliseconds of each answer, one request every few milliseconds."""
        took, until = [], time.monotonic() + seconds
        while time.monotonic() < until:
            took.append(self.ask())
            time.sleep(PAUSE_S)
        return took


Deed = Callable[[http.client.HTTPConnection, int], int]


def logs_in(port: int) -> Deed:
    page = urllib.request.urlopen(f"http://127.0.0.1:{port}/admin/login/")
    cookie = page.headers["Set-Cookie"].partition(";")[0]
    form = page.read().decode().partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]

    def log_in(link: http.client.HTTPConnection, at: int) -> int:
        body = {
            "csrfmiddlewaretoken": form,
            "username": f"nobody{secrets.token_hex(6)}",
            "password": "guess",
            "otp_token": "000000",
        }
        headers = {
            "Cookie": cookie,
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Real-IP": f"10.{'.'.join(str(byte) for byte in secrets.token_bytes(3))}",
        }
        link.request("POST", "/admin/login/", urllib.parse.urlencode(body), headers)
        return _status(link)

    return log_in


def pays(port: int) -> Deed:
    bearers = [token(f"payer{at}", 36_000) for at in range(PAYING)]

    def pay(link: http.client.HTTPConnection, at: int) -> int:
        headers = {
            "Authorization": f"Bearer {bearers[at]}",
            "Content-Type": "application/json",
            "Idempotency-Key": secrets.token_hex(8),
        }
        wish = json.dumps({"money": "1.00", "pay_type": "wechat", "scene": "native"})
        link.request("POST", "/api/v1/wallet/topups", wish, headers)
        return _status(link)

    return pay


def _status(link: http.client.HTTPConnection) -> int:
    answer = link.getresponse()
    answer.read()
    return answer.status


@contextmanager
def crowd(port: int, number: int, deed: Deed):
    """So many at it, each again and again, in a process of their own: threads beside the bystander
    would be what he waits for. How often each status was the answer, once they have been ended."""
    here, there = forking.Pipe()
    crowded = forking.Process(target=_be_many, args=(port, number, deed, there), daemon=True)
    crowded.start()
    there.close()
    said: dict[int, int] = {}
    try:
        yield said
    finally:
        here.send("enough")
        said |= here.recv()
        crowded.kill()
        crowded.join()


def _be_many(port: int, number: int, deed: Deed, orders: Connection):
    said: Counter[int] = Counter()

    def one(at: int) -> None:
        link = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        while True:
            try:
                status = deed(link, at)
            except OSError:  # the server kept it no longer
                link.close()
                continue
            said[status] += 1
            if status >= 400:
                time.sleep(COMES_AGAIN_S)

    for at in range(number):
        threading.Thread(target=one, args=(at,), daemon=True).start()
    orders.recv()
    orders.send(dict(said))


def p99(took: list[float]) -> float:
    """By rank: of fewer than a hundred the worst."""
    return sorted(took)[math.ceil(0.99 * len(took)) - 1]


def one_round(application: str) -> dict:
    """Quiet and under each attack, each on a server of its own: what one leaves behind is not the
    next one's."""
    found = {}
    attacks = {f"{LOGGING_IN} log in": (LOGGING_IN, logs_in), f"{PAYING} pay": (PAYING, pays)}
    for name, (number, kind) in attacks.items():
        with server(application) as port:
            bystander = Bystander(port)
            bystander.watch(2)  # warm
            quiet = bystander.watch(QUIET_S)
            with crowd(port, number, kind(port)) as said:
                during = bystander.watch(ATTACK_S)
            answers = {str(status): count for status, count in sorted(said.items())}
        found[name] = {
            "quiet p99 ms": round(p99(quiet), 1),
            "p99 ms": round(p99(during), 1),
            "worst ms": round(max(during), 1),
            "bystander's answers": len(during),
            "ratio": round(p99(during) / p99(quiet), 2),
            "crowd's answers": answers,
        }
    return found


def report(rounds: list[dict[str, dict]]) -> dict:
    """By kind and attack: each figure's median with its spread."""
    figures = {}
    for kind in APPLICATIONS:
        figures[kind] = {}
        for attack in rounds[0][kind]:
            each = [one[kind][attack] for one in rounds]
            figures[kind][attack] = {
                name: kept.spread([one[name] for one in each])
                for name in ("quiet p99 ms", "p99 ms", "worst ms", "bystander's answers", "ratio")
            } | {"crowd's answers": [one["crowd's answers"] for one in each]}
    return {
        "server": f"granian wsgi, {WORKERS} workers x {THREADS} threads, serving all",
        "rounds": len(rounds),
        "goal": f"ratio of p99 to the quiet p99 before it at most {GOAL:g}",
        "reached": {
            attack: figure["ratio"]["median"] <= GOAL
            for attack, figure in figures["guarded"].items()
        },
        "figures": figures,
    }


def main() -> None:
    asked = stage.asked(__doc__, rounds=5)
    stage.migrate()
    gateway = SilentGateway()
    write_all(FOLDER, gateway.url)
    rounds = []
    for number in range(1, asked.rounds + 1):
        rounds.append({kind: one_round(name) for kind, name in APPLICATIONS.items()})
        print(f"round {number} of {asked.rounds}: {json.dumps(rounds[-1])}", flush=True)
    result = kept.keep("bystander", report(rounds))
    for kind, attacks in result["figures"].items():
        for attack, figure in attacks.items():
            names = ("quiet p99 ms", "p99 ms", "ratio")
            told = (f"{name} {figure[name]['median']}" for name in names)
            print(f"{kind:10} {attack:12} {', '.join(told)}")


if __name__ == "__main__":
    main()
