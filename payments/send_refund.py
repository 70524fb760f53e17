"""Tell a channel of a refund that was approved, and ask until it says what became of it."""

from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db.models import QuerySet

from kit import backoff, lease, retry
from kit.present import present
from payments import end_refund, merchants
from payments.channels import http, registry
from payments.channels.base import (
    Channel,
    ChannelDown,
    NotSent,
    RefundAnswer,
    RefundState,
    Refused,
)
from payments.models import ChannelRefund
from payments.states import PayType, RefundStatus

log = structlog.get_logger(__name__)

PAUSE_MAX = timedelta(hours=1)
LEASE_S = http.LONGEST_S + 10  # and what the database takes
# When finance sees that nobody knows: after so many tries without a word (an hour), or so long
# after the approval, whatever the channel says (a card's bank may take three days).
STUCK_TRIES, STUCK_AFTER = 8, timedelta(days=4)


def send(*, refund_id: int, now: datetime) -> RefundState | None:
    """Tell the channel, or ask what became of it; None when it is not due, somebody else asks, or
    the channel is left alone for now.

    Only the channel's word about this very number ends it. Silence, and an answer about anything
    else (the key, the message, the merchant, the moment), end nothing: it is asked what became of
    the number before it is told again, ever more slowly, and after a while there is a case.

    Money:   none moves when it is done; a refund that failed goes back to where it came from.
    Races:   a lease (kit/lease.py), longer than the calls can take: one worker calls, and a verdict
             counts from the holder alone. The row is "sent" before the call: whoever comes after a
             killed worker asks first. The way to the channel is taken before all that: what is
             refused there was never sent, and leaves the refund as it was, a first try included.
    Repeats: the same refund number each time, so the channel refunds once.
    """
    asked = ChannelRefund.objects.filter(pk=refund_id, chase_at__isnull=False).first()
    if asked is None:
        return None
    merchant = merchants.of_refund(asked)
    try:
        with registry.line(asked.pay_type, merchant):
            return _send(asked, merchant, now)
    except NotSent:
        return None


def due(now: datetime) -> QuerySet[ChannelRefund]:
    """Refunds to tell the channel of, or to ask about."""
    return ChannelRefund.objects.filter(chase_at__lte=now)


def _send(asked: ChannelRefund, merchant: str, now: datetime) -> RefundState | None:
    held = _take(asked, now)
    if held is None:
        return None
    try:
        channel = registry.channel(PayType(asked.pay_type), merchant)
        answer = _ask(channel, asked)
    except (ChannelDown, Refused, LookupError) as error:
        log.warning("refund_unanswered", refund_no=asked.refund_no, error=str(error))
        answer = RefundAnswer(RefundState.UNKNOWN, str(error))
    try:
        return _judge(asked=asked, held=held, answer=answer, now=now)
    finally:
        held.end()


def _take(asked: ChannelRefund, now: datetime) -> lease.Lease | None:
    as_read = ChannelRefund.objects.filter(status=asked.status, chases=asked.chases)
    told = {"to": RefundStatus.SENT} if asked.status == RefundStatus.APPROVED else {}
    return lease.take(
        as_read.filter(chase_at__lte=now),
        asked.pk,
        now=now,
        for_s=LEASE_S,
        chase_at=_next(asked, now),
        chases=asked.chases + 1,
        **told,
    )


def _next(asked: ChannelRefund, now: datetime) -> datetime | None:
    if asked.status == RefundStatus.FAILED:
        pause_s = end_refund.WATCH_S * 2 ** (asked.chases + 1)
        return now + timedelta(seconds=pause_s) if asked.chases + 1 < end_refund.WATCHES else None
    first = timedelta(seconds=settings.REDPACKET_CHASE_S)
    return now + backoff.pause(first, asked.chases, PAUSE_MAX)


def _ask(channel: Channel, asked: ChannelRefund) -> RefundAnswer:
    """What became of it; told (again) only when the channel does not know it, and is to do it."""
    if _is_first(asked):
        return channel.refund(asked)
    answer = channel.query_refund(asked)
    is_to_be_told = asked.status in (RefundStatus.APPROVED, RefundStatus.SENT)
    if answer.state is RefundState.UNKNOWN and is_to_be_told:
        return channel.refund(asked)
    return answer


def _is_first(asked: ChannelRefund) -> bool:
    """Whether the channel cannot have heard of it before."""
    return asked.status == RefundStatus.APPROVED and not asked.chases


@retry.unit
def _judge(
    *, asked: ChannelRefund, held: lease.Lease, answer: RefundAnswer, now: datetime
) -> RefundState:
    """Do what follows from the answer, if nobody has ended it meanwhile."""
    before = asked.status
    as_asked = RefundStatus.SENT if before == RefundStatus.APPROVED else before
    rows: end_refund.Rows = held.rows.filter(status=as_asked)
    if before == RefundStatus.FAILED:
        if answer.state is RefundState.DONE:
            end_refund.done_after_all(asked, rows, answer=answer, now=now)
        return answer.state
    match answer.state:
        case RefundState.DONE:
            end_refund.done(asked, rows, answer=answer, now=now)
        case RefundState.FAILED:
            end_refund.fail(asked, rows, answer=answer, now=now)
        case RefundState.REFUSED if _is_first(asked):
            end_refund.fail(asked, rows, answer=answer, now=now)
            return RefundState.FAILED
        case RefundState.PARKED:
            end_refund.park(asked, rows, answer=answer, now=now)
        case _ if _is_stuck(asked, answer, now):
            end_refund.stick(asked, rows, answer=answer, now=now)
        case _:
            rows.update(answer=answer.says[:255])
    return answer.state


def _is_stuck(asked: ChannelRefund, answer: RefundAnswer, now: datetime) -> bool:
    if asked.status == RefundStatus.PARKED:
        return False  # that has its case
    if answer.state is not RefundState.PENDING and asked.chases + 1 >= STUCK_TRIES:
        return True
    return now >= present(asked.decided_at) + STUCK_AFTER
