"""Credit taken shares once their money has arrived (入账处理): in two passes, and whoever is left.

A grab may read "awaiting" a moment before the confirmation, and commit a moment after pass one has
looked; pass two looks again (二次入账). What outlives even that, the slow sweep finds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache

import structlog
from django.db import DatabaseError, connection, transaction
from django.db.models import Exists, F, OuterRef, QuerySet

from kit import later, lease, outbox, retry, sql
from kit.money import ZERO, plus
from kit.moves import move
from packets.models import RedPacket, SettlementPass, Share
from packets.states import PayStatus
from wallets import accounts, ledger
from wallets.states import LineKind

SETTLE_SECOND_PASS_S = 5  # longer than a grab's lock wait (3 s), so few grabs outlive it
LEASE_S = 60  # share by share it takes many transactions; longer than a task may live
AGAIN_S = 60  # a pass with a share that cannot be credited is tried again so much later
LOOKS = 3  # somebody else is crediting the same shares: look again, then go one by one

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Settled:
    """What one settlement credited; money in yuan. `left` could not be credited."""

    shares: int
    money: Decimal
    left: int = 0


@dataclass(frozen=True, slots=True)
class Owed:
    """A taken share that nobody has credited."""

    pk: int
    money: Decimal


class Moved(Exception):
    """Not all of the set could be claimed: it rolls back, and one looks again."""


_BAD = (ledger.AlreadyPosted, ledger.WrongCount, DatabaseError)


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
        except _BAD as error:
            log.warning("settlement_one_by_one", rp_id=rp_id, error=repr(error))
            break
    return _settle_one_by_one(rp_id, number, now, also)


@retry.unit
def _settle(
    *, rp_id: int, number: int | None, now: datetime, also: retry.Also | None = None
) -> Settled | None:
    """One transaction a packet; None when the pass is somebody else's, or frozen meanwhile."""
    packet = RedPacket.objects.get(pk=rp_id)
    owed = _owed(packet)
    if owed is None:  # unfrozen by now, perhaps: a pass is for the next look, not done
        return None if number is not None else _sum(())
    settled = _sum(owed)
    if number is not None:
        free = due(now).filter(lease.free(now), packet=packet, number=number)
        if not _mark_done(free, settled, now):
            return None
    _credit(packet, owed, now)
    return settled


def _owed(packet: RedPacket) -> list[Owed] | None:
    """Read without a lock: grabs in flight are not seen, and not waited for. None: nothing in this
    packet may move, whatever is owed."""
    if packet.pay_status != PayStatus.PAID or packet.is_frozen or packet.voided_at:
        return None
    shares = Share.objects.filter(rp=packet, user_id__isnull=False, is_into_account=False)
    return [Owed(*row) for row in shares.values_list("pk", "money")]


def _credit(packet: RedPacket, owed: Sequence[Owed], now: datetime) -> None:
    """Shares, wallets, lines, events: the lock order of a grab (docs/locks.md).

    Raises: Moved when one of the shares is credited already, or the packet was frozen meanwhile.
    """
    if not owed:
        return
    keys = [share.pk for share in owed]
    claim, credits, news = _sql(len(keys))
    with connection.cursor() as cursor:
        cursor.execute(claim, [*keys, packet.pk])
        if cursor.rowcount != len(keys):
            raise Moved()
    ledger.post_many(
        kind=LineKind.GRAB,
        source=accounts.escrow(packet.public_id),
        credits=ledger.Credits(credits, (packet.public_id, *keys), len(keys)),
        now=now,
    )
    about = [packet.public_id, packet.for_id, *keys]
    outbox.tell_many("share.credited", select=news, values=about, now=now)


@cache
def _sql(number: int) -> tuple[str, str, str]:
    """Of so many shares: the claim; what the till credits; what the takers are told.

    All by keys alone: a scan of the packet would wait for every grab in flight.
    """

    def share(field: str) -> str:
        return sql.column(Share, field)

    packet, shares = sql.table(RedPacket), sql.table(Share)
    by_key = " FORCE INDEX (PRIMARY)" if sql.is_mysql() else ""
    these = f"{share('id')} IN ({', '.join(['%s'] * number)})"
    return (
        f"UPDATE {shares}{by_key} SET {share('is_into_account')} = 1 WHERE {these}"
        f" AND {share('is_into_account')} = 0 AND {share('user_id')} IS NOT NULL"
        f" AND EXISTS (SELECT 1 FROM {packet} WHERE {packet}.{sql.column(RedPacket, 'id')} = %s"
        f" AND {sql.column(RedPacket, 'pay_status')} = {PayStatus.PAID:d}"
        f" AND {sql.column(RedPacket, 'is_frozen')} = 0"
        f" AND {sql.column(RedPacket, 'voided_at')} IS NULL)",
        f"SELECT {Share.reference_sql()} AS reference, {share('user_id')} AS user_id,"
        f" {share('money')} AS amount FROM {shares} WHERE {these}",
        f"SELECT JSON_OBJECT('packet', %s, 'for_id', %s, 'user_id', {share('user_id')},"
        f" 'money', {sql.yuan(share('money'))}) AS data FROM {shares} WHERE {these}",
    )


def _mark_done(passes: QuerySet[SettlementPass], settled: Settled, now: datetime) -> bool:
    """Claim the pass before its shares: a second worker waits here, finds it done, and stops."""
    return move(passes, done_at=now, run_at=None, **_counted(settled))


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
    packet = RedPacket.objects.get(pk=rp_id)
    owed = _owed(packet)
    if owed is None:
        return None
    credited = []
    for share in owed:
        try:
            if _settle_one(packet=packet, share=share, number=number, now=now):
                credited.append(share)
        except _BAD:
            log.exception("share_not_credited", rp_id=rp_id, share=share.pk)
    keys = [share.pk for share in owed]
    left = Share.objects.filter(pk__in=keys, is_into_account=False).count()
    return _sum(credited, left)


@retry.unit
def _settle_one(*, packet: RedPacket, share: Owed, number: int | None, now: datetime) -> bool:
    try:
        _credit(packet, [share], now)
    except Moved:
        return False
    if number is not None:
        passes = SettlementPass.objects.filter(packet=packet, number=number)
        passes.update(**_counted(_sum([share])))
    return True


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
    return settled if _mark_done(passes, Settled(0, ZERO), now) else None


def _sum(shares: Sequence[Owed], left: int = 0) -> Settled:
    return Settled(len(shares), sum((share.money for share in shares), ZERO), left)
