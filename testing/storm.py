"""The storm: reported packets, grabs, confirmations and both passes, all at once (Spec 1.7).

Grabs go through the packets block by block; a block is confirmed while half of its grabs are out.
"""

import mmap
import random
import struct
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from django.db.models import Sum
from django.utils import timezone

from kit.http.caller import Caller
from packets import grab
from packets.models import SettlementPass, Share
from packets.states import Kind
from packets.tasks import settle_due, settle_missed, settle_packet
from testing.forks import in_processes
from testing.make import confirm, make_group, make_reported_packet
from wallets.models import LedgerLine
from wallets.states import LineKind

GRABBERS, CONFIRMERS, SETTLERS = 4, 4, 2
BLOCK, SHARES = 20, 10
HALF_A_BLOCK = BLOCK * SHARES // 2  # the packets of a test or bench are whole blocks
PATIENCE_S = 600


@dataclass(frozen=True)
class Report:
    """What became of every share; `left_for_the_second` is what the first pass had missed."""

    packets: int
    grabs: int
    credited_by_the_grab: int
    credited_by_the_first_pass: int
    left_for_the_second: int
    left_for_the_sweep: int
    seconds: float


class Progress:
    """A counter that forked processes share; each writes its own part of it."""

    def __init__(self, writers: int):
        self.memory, self.writers = mmap.mmap(-1, 8 * writers), writers

    def add(self, writer: int) -> None:
        (now,) = struct.unpack_from("q", self.memory, 8 * writer)
        struct.pack_into("q", self.memory, 8 * writer, now + 1)

    def total(self) -> int:
        return sum(struct.unpack_from(f"{self.writers}q", self.memory))


class Storm:
    """Packets that the app has reported, and what each process does to them."""

    def __init__(self, packets: int, seed: int = 1):
        users = [f"s{i}" for i in range(SHARES)]
        make_group("alice", *users)
        self.reported = [make_reported_packet(Kind.LUCKY, SHARES, "10.00") for _ in range(packets)]
        self.tries: list[tuple[str, str]] = []
        for at in range(0, packets, BLOCK):
            block = self.reported[at : at + BLOCK]
            some = [(packet.public_id, user) for packet, _ in block for user in users]
            random.Random(seed).shuffle(some)
            self.tries += some
        self.grabbed, self.confirmed = Progress(GRABBERS), Progress(CONFIRMERS)

    def grab(self, part: int) -> Counter:
        outcomes: Counter = Counter()
        for public_id, user in self.tries[part::GRABBERS]:
            result = grab.grab(public_id=public_id, caller=Caller(user), now=timezone.now())
            outcomes[result.outcome.value] += 1
            self.grabbed.add(part)
        return outcomes

    def confirm(self, part: int) -> Counter:
        for at in range(part, len(self.reported), CONFIRMERS):
            packet, order = self.reported[at]
            block_begins = at // BLOCK * BLOCK * SHARES
            wait_until(lambda begins=block_begins: self.grabbed.total() >= begins + HALF_A_BLOCK)
            confirm(order, timezone.now())
            settle_packet(packet.pk)  # as the worker does after the commit
            self.confirmed.add(part)
        return Counter()

    def settle(self, _part: int) -> Counter:
        wait_until(self._swept, every_s=0.1)
        return Counter()

    def _swept(self) -> bool:
        settle_due()
        everything = self.confirmed.total() == len(self.reported)
        return everything and not SettlementPass.objects.filter(done_at=None).exists()


def wait_until(is_so: Callable[[], bool], every_s: float = 0.001) -> None:
    until = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < until, "the storm stands still"
        time.sleep(every_s)


def storm(packets: int) -> Report:
    """Run it, and raise unless every taken share was credited exactly once."""
    made = Storm(packets)
    jobs = [
        *((made.grab, part) for part in range(GRABBERS)),
        *((made.confirm, part) for part in range(CONFIRMERS)),
        *((made.settle, part) for part in range(SETTLERS)),
    ]
    began = time.monotonic()
    outcomes = sum(in_processes(lambda job: job[0](job[1]), jobs), Counter())
    took_s = time.monotonic() - began
    assert outcomes == {"grabbed": packets * SHARES}, outcomes
    return _report(made, took_s)


def _report(made: Storm, took_s: float) -> Report:
    packets = [packet for packet, _ in made.reported]
    shares, number = Share.objects.filter(rp__in=packets), len(packets) * SHARES
    passes = SettlementPass.objects.filter(packet__in=packets)
    by_pass = dict(passes.values_list("number").annotate(n=Sum("shares")).order_by("number"))
    owed = shares.filter(owed_at__isnull=False)
    left = owed.count()
    # The sweep leaves ten seconds to the passes.
    wait_until(lambda: not owed.exists() or bool(settle_missed()), every_s=0.5)
    escrows = [f"escrow:{packet.public_id}" for packet in packets]
    lines = LedgerLine.objects.filter(kind=LineKind.GRAB, source__in=escrows)
    assert lines.count() == shares.filter(is_into_account=True).count() == number
    assert passes.filter(done_at__isnull=False).count() == 2 * len(packets)
    return Report(
        packets=len(packets),
        grabs=number,
        credited_by_the_grab=number - by_pass[1] - by_pass[2] - left,
        credited_by_the_first_pass=by_pass[1],
        left_for_the_second=by_pass[2],
        left_for_the_sweep=left,
        seconds=round(took_s, 1),
    )
