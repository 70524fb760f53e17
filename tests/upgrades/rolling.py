"""A rolling release under load: `python -m tests.upgrades.rolling --out FILE` (`make nightly`).

The release before serves a chat app whose people send, pay, report and grab; then, as
docs/upgrading.md says, a column is added, new web processes come beside the old ones, the old ones
leave the balancer and end, workers likewise, beat at last; the column is filled, and required. Each
step goes on for a while.

The release before is this tree, and the new one is this tree with a column more (next_release.py):
that needs no history. `--before COMMIT` takes the code of that commit for the old one.
"""

import argparse
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from decimal import Decimal
from functools import partial
from pathlib import Path

import django

from tests.faults.load import GROUP, Books, Person
from tests.faults.stack import ROOT, Part, Stack, free_port, running, wait_until
from tests.upgrades import next_release

USERS = [f"u{number:02}" for number in range(12)]
PEOPLE, PUT_IN = 4, 10_000
PATIENCE_S = 300
MIGRATE_TRIES = 10  # a table that is in use makes it give up after seconds: run it again
PREPARE = """
from decimal import Decimal; from django.utils import timezone
from packets import members; from wallets.credit import credit_each
users = {users!r}
credit_each(user_ids=users, amount=Decimal({put_in}), reason="rolling", now=timezone.now())
members.replace(group_id={group!r}, user_ids=users)
"""


def unpack(commit: str, folder: Path) -> None:
    folder.mkdir()
    with subprocess.Popen(
        ["git", "-C", str(ROOT), "archive", commit], stdout=subprocess.PIPE
    ) as archive:
        subprocess.run(["tar", "-x", "-C", str(folder)], stdin=archive.stdout, check=True)


class Address(threading.Thread):
    """Where the product is found while its web processes come and go: each connection goes on to
    one of those that there are."""

    def __init__(self, ports: list[int]):
        super().__init__(daemon=True)
        self.ports = ports
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port = self.socket.getsockname()[1]

    def run(self) -> None:
        while True:
            near, _ = self.socket.accept()
            try:
                far = socket.create_connection(("127.0.0.1", random.choice(self.ports)))
            except (OSError, IndexError):
                near.close()
                continue
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=carry, args=(one, other), daemon=True).start()


def carry(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
    with suppress(OSError):
        other.shutdown(socket.SHUT_WR)


class Release:
    """What happens, step by step, and what people saw of it."""

    def __init__(self, stack: Stack, new: Path, ports: list[int], before: str, step_s: float):
        self.stack, self.new, self.ports = stack, new, ports
        self.before, self.step_s = before, step_s
        self.books = Books(put_in=dict.fromkeys(USERS, Decimal(PUT_IN)))
        self.steps: dict[str, dict] = {}
        self.killed: list[str] = []
        self.filled = 0

    def run(self) -> None:
        from sandbox.tokens import token

        tokens = {user: token(user, 80_000) for user in USERS}
        words = PREPARE.format(users=USERS, put_in=PUT_IN, group=GROUP)
        self.stack.manage("shell", "-c", words)
        shared: list[str] = []
        people = [Person(n, self.ports, self.books, tokens, shared) for n in range(PEOPLE)]
        for person in people:
            person.start()
        for does in (
            self.old_release_serves,
            self.a_column_is_added,
            self.nobody_requires_it_yet,
            self.new_web_comes_beside_the_old,
            self.old_web_goes,
            self.new_worker_comes_beside_the_old,
            self.old_worker_goes,
            self.beat_is_replaced,
            self.it_is_filled,
            self.it_is_required,
        ):
            self.step(does)
        for person in people:
            person.over.set()
        for person in people:
            person.join()

    def step(self, does) -> None:
        before, began = Counter(self.books.counts), time.monotonic()
        known = len(self.books.unanswered)
        does()
        took_s = time.monotonic() - began
        time.sleep(self.step_s)
        counts = Counter(self.books.counts) - before
        self.steps[does.__name__.replace("_", " ")] = {
            "took s": round(took_s, 1),
            "answered": counts["answered"],
            "repeated once": counts["repeated"],
            "repeated again": counts["repeated again"],
            "why": self.books.unanswered[known:][:5],
        }
        print(does.__name__, self.steps[does.__name__.replace("_", " ")], flush=True)

    def old_release_serves(self) -> None:
        """A packet is settled, so all of it works."""
        from packets.models import Share

        wait_until(Share.objects.filter(is_into_account=True).exists, "nothing moves", PATIENCE_S)

    def a_column_is_added(self) -> None:
        self.migrate()

    def nobody_requires_it_yet(self) -> None:
        """Rows are empty, so that migration does not run, and says why in a line."""
        next_release.require(self.new)
        try:
            self.migrate()
        except RuntimeError as error:
            if f"{next_release.COLUMN} is still empty" in str(error):
                return
            raise
        raise RuntimeError("a column was required though rows were empty")

    def migrate(self) -> None:
        for left in reversed(range(MIGRATE_TRIES)):
            try:
                self.stack.manage("migrate", "-v", "0", tree=self.new)
                return
            except RuntimeError as error:
                if "1205" not in str(error) or not left:
                    raise

    def new_web_comes_beside_the_old(self) -> None:
        port = free_port()
        self.start(self.stack.program("web", self.new, port, "web-new"))
        from supervise import answers

        is_up = partial(answers, f"http://127.0.0.1:{port}/health/ready")
        wait_until(is_up, "the new web does not start", PATIENCE_S)
        self.ports.append(port)

    def old_web_goes(self) -> None:
        """Out of the balancer, then asked to end: it finishes what it has."""
        self.ports.remove(self.stack.port)
        self.end("web")

    def new_worker_comes_beside_the_old(self) -> None:
        self.start(self.stack.program("worker", self.new, 0, "worker-new"))

    def old_worker_goes(self) -> None:
        self.end("worker")

    def beat_is_replaced(self) -> None:
        self.end("beat")
        self.start(self.stack.program("beat", self.new, 0, "beat-new"))

    def it_is_filled(self) -> None:
        """By the new worker, while people go on."""
        from kit.models import Filling

        finished = Filling.objects.filter(name=next_release.COLUMN, finished_at__isnull=False)
        wait_until(finished.exists, "it is not filled", PATIENCE_S)
        self.filled = finished.get().filled

    def it_is_required(self) -> None:
        self.migrate()

    def start(self, part: Part) -> None:
        self.stack.parts[part.name] = part
        part.start()

    def end(self, name: str) -> None:
        if self.stack[name].end(PATIENCE_S):
            self.killed.append(name)

    def found(self) -> list[str]:
        """At rest, by people's books and the audit."""
        from tests.faults.check import losses, reckoning, waits

        try:
            wait_until(lambda: not waits(self.books), "it never comes to rest", PATIENCE_S)
        except TimeoutError as error:
            return [f"{error}: {waits(self.books)}"]
        found = [*losses(self.books), *reckoning(self.books)]
        found += [f"had to be killed: {name}" for name in self.killed]
        revived = {name: part.revived for name, part in self.stack.parts.items() if part.revived}
        return [*found, *(f"ended by itself: {each}" for each in revived.items())]

    def told(self, found: list[str]) -> dict:
        counts = self.books.counts
        return {
            "command": "python -m tests.upgrades.rolling",
            "machine": f"{os.cpu_count()} cores, Python {sys.version.split()[0]}, everything on"
            f" them; load at the end {os.getloadavg()[0]:.1f}",
            "release before": self.before or "this tree",
            "requests answered": counts["answered"],
            "cured by one repeat": counts["repeated"] - counts["repeated again"],
            "not cured by one repeat": counts["repeated again"],
            "packets sent": len(self.books.sent),
            "shares grabbed": len(self.books.grabbed),
            "rows filled": self.filled,
            "found": found,
            "steps": self.steps,
        }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.upgrades.rolling")
    parser.add_argument("--out", type=Path, required=True, help="where the figures are written")
    parser.add_argument("--before", default="", help="a commit to take for the release before")
    parser.add_argument("--step-s", type=float, default=10, help="how long each step goes on")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # and take the stack down
    with tempfile.TemporaryDirectory(prefix="hongbao-release-") as folder:
        old, new = ROOT, Path(folder) / "new"
        if asked.before:
            unpack(asked.before, old := Path(folder) / "old")
        next_release.write(new)
        ports: list[int] = []
        address = Address(ports)
        address.start()
        with running(old, address.port) as stack:
            ports.append(stack.port)
            os.environ.clear()  # of settings that are not the stack's
            os.environ |= stack.environment | {"REDPACKET_DATABASE_URL": stack.direct_database}
            django.setup()
            release = Release(stack, new, ports, asked.before, asked.step_s)
            release.run()
            told = release.told(release.found())
    asked.out.write_text(f"{json.dumps(told, indent=2, ensure_ascii=False)}\n")
    print(asked.out.read_text())
    return bool(told["found"] or told["not cured by one repeat"])


if __name__ == "__main__":
    sys.exit(main())
