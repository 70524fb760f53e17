"""`make faults COUNT=200 SEED=1`: the product under load, hurt so many times.

Rounds of one to five faults at once, of any kind (kinds.py). After each round, under load:
conservation, everything that people were told (check.py), and the audit, which goes on beside the
next rounds (auditor.py). After each ROUNDS rounds all is let come to rest, each one's balance is
reckoned from his own books, and a new age begins with empty tables, so that a check costs the same
on the last day of a long run. `--resume` goes on with the table of a run that was ended.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sys
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import django
from django.db import close_old_connections

from tests.faults.auditor import Auditor
from tests.faults.load import GROUP, Books, Line, Person, Refused
from tests.faults.stack import Stack, running, wait_until
from tests.faults.table import Known, Row

if TYPE_CHECKING:
    from tests.faults.kinds import Kind

USERS = [f"u{number:02}" for number in range(12)]
PROBER = "probe"
PEOPLE, ROUNDS = 3, 60
AT_ONCE = 5  # faults in a round, at most
BEHIND = 3  # rounds that an audit may lag behind
RECOVERY_S = 120
# Longer than the lease of a worker that was killed while it asked a channel, and what follows.
REST_S = 400


@dataclass(frozen=True)
class Owed:
    """A share that was grabbed before its payment, after what runs by itself was hurt."""

    packet: str
    since: datetime
    kinds: list[str]  # that hurt it
    is_alone: bool
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
        self.auditor = Auditor()
        self.audited: list[list[Kind]] = []  # the rounds that the audit that goes on comes after
        self.to_audit: list[list[Kind]] = []  # those behind its beginning

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
        text = json.dumps(self.known.told(self.seed), indent=2, ensure_ascii=False)
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
        from tests.faults.check import acknowledged
        from tests.faults.kinds import hold

        chosen = self.choose(min(self.luck.randint(1, AT_ONCE), most))
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
            at_once = [kind.name for kind in chosen if not kind.touches_what_runs_by_itself]
            self.note(at_once, len(chosen) == 1, took)
            found = [*self.see_what_is_owed(), *acknowledged(self.books.copy())]
            self.to_audit.append(chosen)
        except TimeoutError as error:
            took, found = time.monotonic() - over, [str(error)]
        for kind in chosen:
            self.row(kind).times += 1
            self.row(kind).lost += len(found)
        self.known.faults += len(chosen)
        self.known.rounds += 1
        said = f"{self.known.faults:6} {took:6.2f} s  {names(chosen)}"
        self.tell(said, [*found, *self.audit()])

    def audit(self, *, is_last: bool = False) -> list[str]:
        """What the audit that is done has found; begins the next one, for the rounds since."""
        if not (is_last or self.auditor.is_done() or len(self.to_audit) > BEHIND):
            return []
        found, after = self.auditor.found(), " and then ".join(map(names, self.audited))
        for kind in {kind for chosen in self.audited for kind in chosen}:
            self.row(kind).lost += len(found)
        self.audited, self.to_audit = [] if is_last else self.to_audit, []
        if self.audited:
            self.auditor.begin()
        return [f"after {after}: {each}" for each in found]

    def note(self, hurt: list[str], is_alone: bool, took: float) -> None:
        """How long these took; of what came together that is the most that each can have taken."""
        for name in hurt:
            row = self.known.kinds.setdefault(name, Row())
            (row.recovered_s if is_alone else row.together_s).append(took)

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
        hurt = [kind.name for kind in chosen if kind.touches_what_runs_by_itself]
        packet = self._reported_and_grabbed()
        until = time.monotonic() + RECOVERY_S
        self.owed = Owed(packet, since, hurt, len(chosen) == 1, until)

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
        took = max((at - self.owed.since).total_seconds(), 0)
        self.note(self.owed.kinds, self.owed.is_alone, took)
        self.owed = None
        return []

    def choose(self, several: int) -> list["Kind"]:
        """Different kinds for different parts. While something is owed, what runs by itself is left
        in peace, so that its recovery is its own."""
        free = [each for each in self.kinds if not (self.owed and each.touches_what_runs_by_itself)]
        chosen: list[Kind] = []
        while len(chosen) < min(several, len({kind.target for kind in free})):
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
            self.ask_again()
            found = [*self.see_what_is_owed(), *losses(books), *reckoning(books)]
        except TimeoutError as error:
            found = [f"{error}: {waits(books)}"]
        found += self.audit(is_last=True)
        rest_s = time.monotonic() - began
        said = f"{len(books.sent)} sent, {len(books.grabbed)} grabbed, at rest after {rest_s:.1f} s"
        self.tell(f"age {self.known.ages}: {said}; {dict(books.counts)}", found)
        for name, row in sorted(self.known.kinds.items()):
            print(f"    {name:22}", row.told(), flush=True)

    def ask_again(self) -> None:
        """What nobody could know while it was in flight; it is over now."""
        for packet, user in sorted(self.books.unsure):
            path = f"/api/v1/packets/{packet}/grab"
            told = self.probe_line.ask("POST", path, user, expect=(200, 409))
            if told.get("share"):
                self.books.grabbed[packet, user] = Decimal(told["share"]["money"])


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
            campaign.auditor.end()
            campaign.write()
    print(asked.out.read_text())
    return bool(campaign.lost) or known.faults < asked.count


if __name__ == "__main__":
    sys.exit(main())
