"""`make faults COUNT=200 SEED=1`: the product under load, hurt so many times.

Rounds of one to four faults at once, of any kind (kinds.py). After each round, under load: the
audit, conservation, and everything that people were told (check.py). After each ROUNDS rounds all
is let come to rest, each one's balance is reckoned from his own books, and a new age begins with
empty tables, so that a check costs the same on the last day of a long run.
"""

import argparse
import json
import os
import random
import signal
import statistics
import sys
import time
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from pathlib import Path

import django

from tests.faults.load import GROUP, Books, Line, Person, Refused
from tests.faults.stack import Stack, running, wait_until

USERS = [f"u{number:02}" for number in range(12)]
PROBER = "probe"
PEOPLE, ROUNDS = 3, 60
RECOVERY_S = 120
# A question that met a dead channel is asked again after twice the pause: quarters of an hour.
REST_S = 1200


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


class Campaign:
    def __init__(self, stack: Stack, seed: int, out: Path):
        from tests.faults.kinds import kinds

        self.out = out
        self.stack, self.seed, self.luck = stack, seed, random.Random(seed)
        self.kinds = kinds(stack)
        self.rows: dict[str, Row] = defaultdict(Row)
        self.faults = self.rounds = 0
        self.answered = self.repeated = self.ages = 0
        self.lost: list[str] = []
        self.began = time.monotonic()
        self.people: list[Person] = []

    def run(self, count: int, minutes: float) -> None:
        until = self.began + minutes * 60
        while self.faults < count and time.monotonic() < until and not self.lost:
            self.begin_age()
            for _ in range(ROUNDS):
                if self.faults >= count or time.monotonic() > until or self.lost:
                    break
                self.round(count - self.faults)
            self.end_age()
            self.write()

    def write(self) -> None:
        text = json.dumps(self.told(), indent=2, ensure_ascii=False)
        self.out.write_text(f"{text}\n")

    def begin_age(self) -> None:
        """Empty tables and books; people with money."""
        from tests.faults import emptying

        emptying.empty()
        self.stack.redis("redis", "FLUSHALL")
        self.ages += 1
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
        self.people = [
            Person(
                self.seed * 1000 + self.ages * 10 + n, self.stack.port, self.books, known, shared
            )
            for n in range(PEOPLE)
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
            self.wait_for_recovery(any(kind.touches_what_runs_by_itself for kind in chosen))
            took = time.monotonic() - over
            found = losses(self.books.copy())
        except TimeoutError as error:
            took, found = time.monotonic() - over, [str(error)]
        for kind in chosen:
            row = self.rows[kind.name]
            row.times += 1
            row.lost += len(found)
            if several == 1:
                row.recovered_s.append(took)
        self.faults += several
        self.rounds += 1
        names = " + ".join(kind.name for kind in chosen)
        print(f"{self.faults:6} {took:6.2f} s  {names}", *found[:20], sep="\n       ", flush=True)
        self.lost += found

    def choose(self, several: int) -> list:
        """Different kinds for different parts."""
        chosen: list = []
        while len(chosen) < several:
            kind = self.luck.choices(self.kinds, [kind.weight for kind in self.kinds])[0]
            if kind.target not in {other.target for other in chosen}:
                chosen.append(kind)
        return chosen

    def wait_for_recovery(self, and_what_runs_by_itself: bool) -> None:
        """Until somebody sends, pays and grabs at the first try; and, where what runs by itself was
        hurt, until the money of a share that was taken before its payment arrives."""
        from packets.models import Share

        wait_until(self._is_served, f"not served {RECOVERY_S} s after the fault", RECOVERY_S)
        if not and_what_runs_by_itself:
            return
        packet = self._reported_and_grabbed()
        owed = Share.objects.filter(rp__public_id=packet, owed_at__isnull=False)
        wait_until(lambda: not owed.exists(), f"{packet} is not settled", RECOVERY_S)

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
        self.answered += books.counts["answered"]
        self.repeated += books.counts["repeated"]
        try:
            wait_until(lambda: not waits(books), "it never comes to rest", REST_S)
            found = [*losses(books), *reckoning(books)]
        except TimeoutError as error:
            found = [f"{error}: {waits(books)}"]
        grabs = len(books.grabbed)
        print(f"age {self.ages}: {len(books.sent)} sent, {grabs} grabbed, {books.counts}")
        print(*found, sep="\n", flush=True)
        self.lost += found

    def told(self) -> dict:
        return {
            "command": f"make faults COUNT={self.faults} SEED={self.seed}",
            "machine": f"{os.cpu_count()} cores, Python {sys.version.split()[0]},"
            f" everything on the same cores; load at the end {os.getloadavg()[0]:.1f}",
            "hours": round((time.monotonic() - self.began) / 3600, 2),
            "faults": self.faults,
            "rounds": self.rounds,
            "lost": len(set(self.lost)),
            "requests answered": self.answered,
            "requests repeated": self.repeated,
            "ended by themselves and were started again": {
                name: part.revived for name, part in self.stack.parts.items() if part.revived
            },
            "what was found": list(dict.fromkeys(self.lost))[:50],
            "kinds": {name: row.told() for name, row in sorted(self.rows.items())},
        }


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
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with running() as stack:
        os.environ.clear()  # of settings that are not the stack's
        os.environ |= stack.environment | {"REDPACKET_DATABASE_URL": stack.direct_database}
        django.setup()
        campaign = Campaign(stack, asked.seed, asked.out)
        try:
            campaign.run(asked.count, asked.minutes)
        finally:
            campaign.write()
    print(asked.out.read_text())
    return bool(campaign.lost) or campaign.faults < asked.count


if __name__ == "__main__":
    sys.exit(main())
