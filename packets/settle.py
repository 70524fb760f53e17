"""Credit taken shares once their money has arrived (入账处理): in two passes, and whoever is left.

A grab may read "awaiting" a moment before the confirmation, and commit a moment after pass one has
looked; pass two looks again (二次入账). What outlives even that, the slow sweep finds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import structlog
from django.db import DatabaseError, connection, transaction
from django.db.models import Exists, F, OuterRef, QuerySet

from kit import later, lease, outbox, pause, retry, sql
from kit.money import ZERO, from_fen, plus, told
from kit.moves import move
from packets import settle_sql
from packets.models import RedPacket, SettlementPass, Share
from packets.states import PayStatus
from wallets import accounts, ledger
from wallets.states import LineKind

SETTLE_SECOND_PASS_S = 5  # longer than a grab's lock wait (3 s), so few grabs outlive it
LEASE_S = 60  # share by share it takes many transactions; longer than a task may live
AGAIN_S = 60  # a pass with a share that cannot be credited is tried again so much later
LOOKS = 3  # somebody else is crediting the same shares: look again, then go one by one
# What the slow sweep looks at in each run. What is owed for longer has a sweep of its own: shares
# of void packets stay owed for ever.
MISSED_WITHIN_DAYS = 30

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Settled:
    """What one settlement credited; money in yuan. `left` could not be credited."""

    shares: int
    money: Decimal
    left: int = 0


class Owed(NamedTuple):
    """A taken share that nobody has credited. Its taker and its money never change."""

    pk: int
    position: int
    user_id: str
    fen: int


class Owing(NamedTuple):
    """A packet whose shares may be credited, and those of them that are owed."""

    rp_id: int
    public_id: str
    for_id: str
    shares: list[Owed]


class Moved(Exception):
    """Not all of the set could be claimed: it rolls back, and one looks again."""


class Done(Exception):
    """The pass is not due, or somebody else's: it rolls back, and is left to him."""


_BAD = (ledger.AlreadyPosted, DatabaseError)


def schedule(packet: RedPacket, now: datetime) -> None:
    """Write the two passes: the last rows of a confirmation's transaction, behind the packet's own
    (passes first would deadlock two confirmations through the foreign key)."""
    is_frozen = RedPacket.objects.filter(pk=packet.pk, is_frozen=True).exists()
    second = now + timedelta(seconds=SETTLE_SECOND_PASS_S)
    SettlementPass.objects.bulk_create(
        SettlementPass(packet=packet, number=number, due_at=at, run_at=None if is_frozen else at)
        for number, at in ((1, now), (2, second))
    )
    transaction.on_commit(lambda: later.run("packets.settle_packet", packet.pk))


def run_pass(*, rp_id: int, number: int, now: datetime) -> bool:
    """Run pass 1 or 2 of a packet if it is due; True when this call has done it.

    Money:   Decimal yuan, escrow -> takers' wallets, one ledger line a share: the same line, with
             the same reference, that a grab of a paid packet posts.
    Races:   shares are read without a lock, then claimed by their keys, so that no grab in flight
             is waited for. The pass row's WHERE lets one worker through.
    Repeats: a share is claimed once, a reference posted once, a pass done once.
    Spec:    1.7
    """
    settled = _settle_whole(rp_id, number, now)
    return settled is not None and not settled.left


def settle_packet(*, rp_id: int, now: datetime, also: retry.Also | None = None) -> Settled:
    """Credit whatever is taken, paid and uncredited in one packet, passes or not.

    Money, Races, Repeats: as run_pass().
    Spec:    1.7, 2.7
    """
    return _settle_whole(rp_id, None, now, also) or Settled(0, ZERO)


def due(now: datetime) -> QuerySet[SettlementPass]:
    """Passes to run."""
    return SettlementPass.objects.filter(run_at__lte=now)


def missed(since: datetime, until: datetime) -> QuerySet[Share]:
    """Shares that were taken in that time and can be credited."""
    return _creditable().filter(owed_at__gte=since, owed_at__lte=until)


def owed_before(since: datetime) -> QuerySet[Share]:
    """All that is owed for longer: also what no sweep will ever credit, the shares of void packets.
    By its index alone; which of a page can be credited is asked apart (creditable)."""
    return Share.objects.filter(owed_at__lt=since)


def creditable(keys: list[int]) -> list[int]:
    """Those of these shares that can be credited."""
    return list(_creditable().filter(pk__in=keys).values_list("pk", flat=True))


def _creditable() -> QuerySet[Share]:
    """Taken, paid and uncredited; those whose packet still has a pass to come are left to it."""
    to_come = SettlementPass.objects.filter(packet=OuterRef("rp"), done_at=None)
    return Share.objects.filter(
        ~Exists(to_come),
        owed_at__isnull=False,
        rp__pay_status=PayStatus.PAID,
        rp__is_frozen=False,
        rp__voided_at=None,
    )


def _settle_whole(
    rp_id: int, number: int | None, now: datetime, also: retry.Also | None = None
) -> Settled | None:
    """The whole set at once; share by share when something in it is bad."""
    for _ in range(LOOKS):
        try:
            return _settle(rp_id=rp_id, number=number, now=now, also=also)
        except Moved:
            continue
        except Done:
            return None
        except _BAD as error:
            log.warning("settlement_one_by_one", rp_id=rp_id, error=repr(error))
            break
    return _settle_one_by_one(rp_id, number, now, also)


@retry.unit
def _settle(
    *, rp_id: int, number: int | None, now: datetime, also: retry.Also | None = None
) -> Settled | None:
    """One transaction a packet; None when it is frozen meanwhile. Raises: Done, Moved."""
    owing = _owed(rp_id)
    if owing is None:  # unfrozen by now, perhaps: a pass is for the next look, not done
        return None if number is not None else _sum(())
    settled = _sum(owing.shares)
    turn = [] if number is None else [_done(rp_id, number, settled, now)]
    if owing.shares:
        _credit(owing, owing.shares, now, ahead=turn)
    elif turn:
        sql.run_steps(turn)
    return settled


def _owed(rp_id: int) -> Owing | None:
    """Read without a lock: grabs in flight are not seen, and not waited for. None: nothing in this
    packet may move, whatever is owed."""
    with connection.cursor() as cursor:
        cursor.execute(settle_sql.owed(), [rp_id])
        rows = cursor.fetchall()
    pause.here("settle: has read what is owed")
    if not rows:
        return None
    public_id, for_id = rows[0][:2]
    return Owing(rp_id, public_id, for_id, [Owed(*row[2:]) for row in rows if row[2]])


def _credit(
    packet: Owing, owed: Sequence[Owed], now: datetime, ahead: Sequence[sql.Step] = ()
) -> None:
    """Shares, wallets, lines, event: the lock order of a grab (docs/locks.md).

    Raises: Moved when one of the shares is credited already, or the packet was frozen meanwhile.
    """
    claim = settle_sql.claim().format(keys=sql.numbers(share.pk for share in owed))
    each = {"user_id": [one.user_id for one in owed], "money": [told(one.fen) for one in owed]}
    news = outbox.news_of_each(
        "share.credited", now=now, packet=packet.public_id, for_id=packet.for_id, each=each
    )
    ledger.post_many(
        kind=LineKind.GRAB,
        source=accounts.escrow(packet.public_id),
        credits=[
            ledger.Credit(Share.reference_of(packet.public_id, position), user_id, fen)
            for _, position, user_id, fen in owed
        ],
        now=now,
        ahead=[*ahead, sql.Step((claim, [packet.rp_id]), len(owed), Moved)],
        beside=[news],
    )


def _done(rp_id: int, number: int, settled: Settled, now: datetime) -> sql.Step:
    """Claims a pass that is due and nobody's, before its shares: a second worker waits here, finds
    it done, and stops."""
    at = sql.time(now)
    values: list[Any] = [at, settled.shares, sql.money(settled.money), rp_id, number, at, at]
    return sql.Step((settle_sql.done(), values), 1, Done)


def _counted(settled: Settled) -> dict:
    return {"shares": F("shares") + settled.shares, "money": plus("money", settled.money)}


def _settle_one_by_one(
    rp_id: int, number: int | None, now: datetime, also: retry.Also | None
) -> Settled | None:
    """A transaction a share, so a lease keeps others from the pass meanwhile; a bad share is
    logged, and keeps the pass undone."""
    if number is None:
        credited = _each(rp_id, number, now) or _sum(())
        return _end(passes=None, settled=credited, now=now, also=also)
    key = SettlementPass.objects.only("pk").get(packet_id=rp_id, number=number).pk
    held = lease.take(due(now), key, now=now, for_s=LEASE_S)
    if held is None:
        return None
    try:
        settled = _each(rp_id, number, now)
        if settled is None:
            return None
        return _end(passes=held.rows & due(now), settled=settled, now=now, also=also)
    finally:
        held.end()


def _each(rp_id: int, number: int | None, now: datetime) -> Settled | None:
    """What was credited; what is left is counted after it, by what the table says then: a share
    that could not be claimed was credited by somebody else, or its packet was frozen for a moment.
    """
    pause.here("settle: begins share by share")
    owing = _owed(rp_id)
    if owing is None:
        return None
    credited = []
    for share in owing.shares:
        pause.here("settle: has come to a share")
        try:
            _settle_one(packet=owing, share=share, number=number, now=now)
            credited.append(share)
        except Moved:
            continue
        except _BAD:
            log.exception("share_not_credited", rp_id=rp_id, share=share.pk)
    pause.here("settle: has tried each share")
    keys = [share.pk for share in owing.shares]
    left = Share.objects.filter(pk__in=keys, is_into_account=False).count()
    return _sum(credited, left)


@retry.unit
def _settle_one(*, packet: Owing, share: Owed, number: int | None, now: datetime) -> None:
    _credit(packet, [share], now)
    if number is not None:
        passes = SettlementPass.objects.filter(packet=packet.rp_id, number=number)
        passes.update(**_counted(_sum([share])))


@retry.unit
def _end(
    *,
    passes: QuerySet[SettlementPass] | None,
    settled: Settled,
    now: datetime,
    also: retry.Also | None = None,
) -> Settled | None:
    """The pass is done, or tried again later; its counts are written already."""
    if passes is None:
        return settled
    if settled.left:
        passes.update(run_at=now + timedelta(seconds=AGAIN_S))
        return settled
    return settled if move(passes, done_at=now, run_at=None) else None


def _sum(shares: Sequence[Owed], left: int = 0) -> Settled:
    return Settled(len(shares), from_fen(sum(share.fen for share in shares)), left)
