"""`make faults COUNT=200 SEED=1`: the product under load, hurt so many times.

Rounds of one to four faults at once, of any kind (kinds.py). After each round, under load: the
audit, conservation, and everything that people were told (check.py). After each ROUNDS rounds all
is let come to rest, each one's balance is reckoned from his own books, and a new age begins with
empty tables, so that a check costs the same on the last day of a long run. `--resume` goes on
with the table of a run that was ended.
"""

import argparse
import json
import os
import random
import shutil
import signal
import statistics
import sys
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import django
from django.db import close_old_connections

from tests.faults.load import GROUP, Books, Line, Person, Refused
from tests.faults.stack import Stack, running, wait_until

if TYPE_CHECKING:
    from tests.faults.kinds import Kind

USERS = [f"u{number:02}" for number in range(12)]
PROBER = "probe"
PEOPLE, ROUNDS = 3, 100
RECOVERY_S = 120
# Longer than the lease of a worker that was killed while it asked a channel, and what follows.
REST_S = 400


@dataclass
class Row:
    """What is known of one kind."""

    times: int = 0
    lost: int = 0
    recovered_s: list[float] = field(default_factory=list)  # of those that came alone

    def told(self) -> dict:
        told: dict = {"times": self.times, "lost": self.lost}
        if self.recovered_s:
            told["recovery s"] = {
                "of": len(self.recovered_s),
                "median": round(statistics.median(self.recovered_s), 2),
                "max": round(max(self.recovered_s), 2),
            }
        return told


@dataclass
class Known:
    """What came of it so far; kept beside the table, for a run that goes on."""

    faults: int = 0
    rounds: int = 0
    ages: int = 0
    seconds: float = 0
    answered: int = 0
    repeated: int = 0
    lost: list[str] = field(default_factory=list)
    revived: dict[str, int] = field(default_factory=dict)
    kinds: dict[str, Row] = field(default_factory=dict)

    @classmethod
    def of(cls, file: Path) -> "Known":
        kept = json.loads(file.read_text())
        return cls(**{**kept, "kinds": {name: Row(**row) for name, row in kept["kinds"].items()}})


@dataclass(frozen=True)
class Owed:
    """A share that was grabbed before its payment, after what runs by itself was hurt."""

    packet: str
    since: datetime
    kinds: list[str]
    until: float


class Campaign:
    def __init__(self, stack: Stack, seed: int, out: Path, known: Known):
        from tests.faults.kinds import kinds

        self.out, self.known = out, known
        self.stack, self.seed = stack, seed
        self.kinds = kinds(stack)
        self.lost: list[str] = []  # by this run
        self.began, self.before_s = time.monotonic(), known.seconds
        self.people: list[Person] = []
        self.owed: Owed | None = None

    def run(self, count: int, minutes: float) -> None:
        until = self.began + minutes * 60

        def is_over() -> bool:
            return self.known.faults >= count or time.monotonic() > until or bool(self.lost)

        while not is_over():
            self.begin_age()
            for _ in range(ROUNDS):
                if is_over():
                    break
                self.round(count - self.known.faults)
            self.end_age()
            self.write()

    def write(self) -> None:
        self.known.seconds = self.before_s + time.monotonic() - self.began
        for name, part in self.stack.parts.items():
            if part.revived:
                self.known.revived[name] = self.known.revived.get(name, 0) + part.revived
                part.revived = 0
        self.out.with_suffix(".state").write_text(json.dumps(asdict(self.known)))
        text = json.dumps(self.told(), indent=2, ensure_ascii=False)
        self.out.write_text(f"{text}\n")

    def begin_age(self) -> None:
        """Empty tables and books; people with money."""
        from tests.faults import emptying

        emptying.empty()
        self.stack.redis("redis", "FLUSHALL")
        self.known.ages += 1
        self.luck = random.Random(f"{self.seed} {self.known.ages}")
        self.owed = None
        self.books = Books()
        from sandbox.tokens import token
        from wallets.credit import credit

        tokens = {user: token(user, 80_000) for user in (*USERS, PROBER)}
        for user in tokens:
            credit(user_id=user, amount=Decimal(10_000), reason="faults", now=_now())
            self.books.put_in[user] = Decimal(10_000)
        from packets import members

        tell = partial(members.replace, group_id=GROUP, user_ids=list(tokens))
        wait_until(lambda: _is_done(tell), "the group is not told", RECOVERY_S)
        self.probe_line = Line(self.stack.port, self.books, tokens)
        known = {user: tokens[user] for user in USERS}
        shared: list[str] = []
        seed = self.seed * 1000 + self.known.ages * 10
        self.people = [
            Person(seed + n, self.stack.port, self.books, known, shared) for n in range(PEOPLE)
        ]
        for person in self.people:
            person.start()

    def round(self, most: int) -> None:
        from tests.faults.check import losses
        from tests.faults.kinds import hold

        several = min(self.luck.choices((1, 2, 3, 4), (5, 4, 3, 1))[0], most)
        chosen = self.choose(several)
        with ExitStack() as happening:
            for kind in chosen:
                happening.enter_context(kind.happens(self.stack, self.luck))
                hold(self.luck, kind)
            over = time.monotonic()
        try:
            wait_until(
                self._is_served, f"not served {RECOVERY_S} s after {names(chosen)}", RECOVERY_S
            )
            took = time.monotonic() - over
            if is_by_itself(chosen):
                self.owe(chosen, over)
            elif several == 1:
                self.row(chosen[0]).recovered_s.append(took)
            found = [*self.see_what_is_owed(), *losses(self.books.copy())]
        except TimeoutError as error:
            took, found = time.monotonic() - over, [str(error)]
        for kind in chosen:
            self.row(kind).times += 1
            self.row(kind).lost += len(found)
        self.known.faults += several
        self.known.rounds += 1
        self.tell(f"{self.known.faults:6} {took:6.2f} s  {names(chosen)}", found)

    def row(self, kind: "Kind") -> Row:
        return self.known.kinds.setdefault(kind.name, Row())

    def tell(self, what: str, found: list[str]) -> None:
        print(what, *found[:20], sep="\n       ", flush=True)
        if found and not self.lost:
            self.keep_evidence()
        self.lost += found
        self.known.lost += found

    def keep_evidence(self) -> None:
        """Logs and tables as they are now, for whoever is to find out."""
        folder = self.out.with_suffix(f".found-{self.known.faults}")
        logs = shutil.ignore_patterns("*.sock", "metrics")
        shutil.copytree(self.stack.run, folder, ignore=logs, dirs_exist_ok=True)
        (folder / "tables.sql").write_text(self.stack.dump())
        print(f"       kept: {folder}", flush=True)

    def owe(self, chosen: list["Kind"], over: float) -> None:
        since = _now() - timedelta(seconds=time.monotonic() - over)
        alone = [chosen[0].name] if len(chosen) == 1 else []
        packet = self._reported_and_grabbed()
        self.owed = Owed(packet, since, alone, time.monotonic() + RECOVERY_S)

    def see_what_is_owed(self) -> list[str]:
        """Whether the money of that share has arrived, and when it did: others go on meanwhile."""
        from packets.models import Share
        from wallets.models import LedgerLine

        if self.owed is None:
            return []
        close_old_connections()
        share = Share.objects.get(rp__public_id=self.owed.packet, user_id=PROBER)
        if not share.is_into_account:
            is_late = time.monotonic() > self.owed.until
            return [f"{self.owed.packet} is not settled"] if is_late else []
        at = LedgerLine.objects.get(reference=share.reference).created_at
        for name in self.owed.kinds:
            took = (at - self.owed.since).total_seconds()
            self.known.kinds[name].recovered_s.append(max(took, 0))
        self.owed = None
        return []

    def choose(self, several: int) -> list["Kind"]:
        """Different kinds for different parts. While something is owed, what runs by itself is left
        in peace, so that its recovery is its own."""
        free = [each for each in self.kinds if not (self.owed and each.touches_what_runs_by_itself)]
        chosen: list[Kind] = []
        while len(chosen) < several:
            kind = self.luck.choices(free, [kind.weight for kind in free])[0]
            if kind.target not in {other.target for other in chosen}:
                chosen.append(kind)
        return chosen

    def _is_served(self) -> bool:
        wish = {"type": "lucky", "for_id": GROUP, "number": 1, "total_money": "0.10"}
        try:
            status, told = self._once("packets", wish)
            if status != 201:
                return False
            with self.books.lock:
                self.books.sent[told["id"]] = (PROBER, Decimal("0.10"))
            status, _ = self._once(f"packets/{told['id']}/pay", {"pay_type": "balance"})
            if status != 200:
                # It may have happened, and nobody was told: look, as an app would.
                self.probe_line.ask(
                    "POST",
                    f"/api/v1/packets/{told['id']}/pay",
                    PROBER,
                    {"pay_type": "balance"},
                    (200, 409),
                )
            with self.books.lock:
                self.books.by_balance.add(told["id"])
            if status != 200:
                return False
            status, grab = self._once(f"packets/{told['id']}/grab")
            if status != 200:
                grab = self.probe_line.ask("POST", f"/api/v1/packets/{told['id']}/grab", PROBER)
            if grab["share"]:
                with self.books.lock:
                    self.books.grabbed[told["id"], PROBER] = Decimal(grab["share"]["money"])
            return status == 200
        except OSError:
            return False
        except Refused as refused:
            self.books.odd.append(str(refused))
            return True

    def _once(self, path: str, body=None) -> tuple[int, dict]:
        from http.client import HTTPException

        try:
            key = os.urandom(9).hex()
            return self.probe_line.once("POST", f"/api/v1/{path}", PROBER, body, key)
        except HTTPException as error:
            raise OSError from error

    def _reported_and_grabbed(self) -> str:
        line = self.probe_line
        wish = {"type": "lucky", "for_id": GROUP, "number": 1, "total_money": "0.10"}
        packet = line.ask("POST", "/api/v1/packets", PROBER, wish)["id"]
        pay = {"pay_type": "wechat", "scene": "app"}
        order = line.ask("POST", f"/api/v1/packets/{packet}/pay", PROBER, pay)["order"]
        line.ask("POST", f"/api/v1/orders/{order['order_no']}/report", PROBER, {})
        told = line.ask("POST", f"/api/v1/packets/{packet}/grab", PROBER)
        prober = Person(0, self.stack.port, self.books, line.tokens, [])
        prober.pays_there({"pay_type": "wechat", "pay_params": order["pay_params"]})
        with self.books.lock:
            self.books.sent[packet] = (PROBER, Decimal("0.10"))
            self.books.at_channel[order["order_no"]] = packet
            if told["share"]:
                self.books.grabbed[packet, PROBER] = Decimal(told["share"]["money"])
        return packet

    def end_age(self) -> None:
        from tests.faults.check import losses, reckoning, waits

        for person in self.people:
            person.over.set()
        for person in self.people:
            person.join()
        books = self.books
        self.known.answered += books.counts["answered"]
        self.known.repeated += books.counts["repeated"] + books.counts["repeated again"]
        began = time.monotonic()
        try:
            wait_until(lambda: not waits(books), "it never comes to rest", REST_S)
            found = [*self.see_what_is_owed(), *losses(books), *reckoning(books)]
        except TimeoutError as error:
            found = [f"{error}: {waits(books)}"]
        rest_s = time.monotonic() - began
        said = f"{len(books.sent)} sent, {len(books.grabbed)} grabbed, at rest after {rest_s:.1f} s"
        self.tell(f"age {self.known.ages}: {said}; {dict(books.counts)}", found)
        for name, row in sorted(self.known.kinds.items()):
            print(f"    {name:22}", row.told(), flush=True)

    def told(self) -> dict:
        known = self.known
        return {
            "command": f"make faults COUNT={known.faults} SEED={self.seed}",
            "machine": f"{os.cpu_count()} cores, Python {sys.version.split()[0]},"
            f" everything on the same cores; load at the end {os.getloadavg()[0]:.1f}",
            "hours": round(known.seconds / 3600, 2),
            "faults": known.faults,
            "rounds": known.rounds,
            "lost": len(set(known.lost)),
            "requests answered": known.answered,
            "requests repeated": known.repeated,
            "ended by themselves and were started again": known.revived,
            "what was found": list(dict.fromkeys(known.lost))[:50],
            "kinds": {name: row.told() for name, row in sorted(known.kinds.items())},
        }


def names(chosen: list["Kind"]) -> str:
    return " + ".join(kind.name for kind in chosen)


def is_by_itself(chosen: list["Kind"]) -> bool:
    return any(kind.touches_what_runs_by_itself for kind in chosen)


def _is_done(verb) -> bool:
    """Our own connections break with the wires."""
    from kit.refusals import Unavailable

    try:
        verb()
    except Unavailable:
        return False
    return True


def _now():
    from django.utils import timezone

    return timezone.now()


def main() -> int:
    parser = argparse.ArgumentParser(prog="make faults")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=10_000, help="end after so many, at most")
    parser.add_argument("--out", type=Path, required=True, help="where the table is written")
    parser.add_argument("--resume", action="store_true", help="go on with that table")
    asked = parser.parse_args()
    state = asked.out.with_suffix(".state")
    known = Known.of(state) if asked.resume and state.exists() else Known()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with running() as stack:
        os.environ.clear()  # of settings that are not the stack's
        os.environ |= stack.environment | {"REDPACKET_DATABASE_URL": stack.direct_database}
        django.setup()
        campaign = Campaign(stack, asked.seed, asked.out, known)
        try:
            campaign.run(asked.count, asked.minutes)
        finally:
            campaign.write()
    print(asked.out.read_text())
    return bool(campaign.lost) or known.faults < asked.count


if __name__ == "__main__":
    sys.exit(main())
