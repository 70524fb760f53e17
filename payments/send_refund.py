"""Tell a channel of a refund that was approved, and ask until it says what became of it."""

from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db.models import QuerySet

from payments import cases, merchants, refunded
from payments.channels import http, registry
from payments.channels.base import Channel, ChannelDown, RefundAnswer, RefundState, Refused
from payments.models import ChannelRefund
from payments.states import CaseKind, PayType, RefundStatus
from redpacket_site.kit import lease, retry
from redpacket_site.kit.moves import move
from wallets import accounts, ledger
from wallets.models import Kind

log = structlog.get_logger(__name__)

PAUSE_S_MAX = 3600
LEASE_S = http.LONGEST_S + 10  # and what the database takes
UNDER_WAY = (RefundStatus.APPROVED, RefundStatus.SENT)


def send(*, refund_id: int, now: datetime) -> RefundState | None:
    """Tell the channel, or ask what became of it; None when it is not due, or somebody else asks.

    Money:   none moves when it is done; a refund that failed goes back to where it came from.
    Races:   a lease (kit/lease.py), longer than the calls can take: one worker calls, and a verdict
             counts from the holder alone.
    Repeats: the same refund number each time, so the channel refunds once.
    """
    refund = ChannelRefund.objects.filter(pk=refund_id, status__in=UNDER_WAY).first()
    held = _take(refund, now) if refund else None
    if held is None:
        return None
    try:
        return _heed(refund, held, now)
    except (ChannelDown, LookupError) as error:
        log.warning("refund_unanswered", refund_no=refund.refund_no, error=str(error))
        return RefundState.PENDING
    finally:
        held.end()


def _take(refund: ChannelRefund, now: datetime) -> lease.Lease | None:
    as_read = ChannelRefund.objects.filter(status=refund.status, chases=refund.chases)
    pause_s = min(settings.REDPACKET_CHASE_S * 2 ** min(refund.chases, 12), PAUSE_S_MAX)
    return lease.take(
        as_read.filter(chase_at__lte=now),
        refund.pk,
        now=now,
        for_s=LEASE_S,
        chase_at=now + timedelta(seconds=pause_s),
        chases=refund.chases + 1,
    )


def _heed(refund: ChannelRefund, held: lease.Lease, now: datetime) -> RefundState:
    """Ask, and do what follows from the answer."""
    try:
        channel = registry.channel(PayType(refund.pay_type), merchants.of_refund(refund))
        answer = _ask(channel, refund)
    except Refused as error:
        answer = RefundAnswer(RefundState.FAILED, str(error))
    rows, says = held.rows, answer.says[:255]
    match answer.state:
        case RefundState.DONE:
            done = {"done_at": answer.at or now, "settle_date": answer.settle_date}
            move(rows, to=RefundStatus.DONE, chase_at=None, answer=says, **done)
        case RefundState.FAILED:
            _fail(refund=refund, rows=rows, says=answer.says, now=now)
        case _:
            if not move(rows, to=RefundStatus.SENT, answer=says):
                rows.filter(status=RefundStatus.SENT).update(answer=says)
    return answer.state


def _ask(channel: Channel, refund: ChannelRefund) -> RefundAnswer:
    if refund.status == RefundStatus.SENT:
        answer = channel.query_refund(refund)
        if answer.state is not RefundState.UNKNOWN:
            return answer
    return channel.refund(refund)


@retry.unit
def _fail(
    *, refund: ChannelRefund, rows: QuerySet[ChannelRefund], says: str, now: datetime
) -> None:
    """The channel will not: the money goes back to where it came from, and finance decides."""
    changes = {"chase_at": None, "open_key": None, "answer": says[:255]}
    if not move(rows, to=RefundStatus.FAILED, **changes):
        return
    refunded.release(refund)
    case = cases.open_case(
        kind=CaseKind.REFUND_FAILED,
        reference=refund.refund_no,
        pay_type=PayType(refund.pay_type),
        order_no=refund.order_no,
        trade_no=refund.trade_no,
        amount=refund.amount,
        says=says,
        now=now,
    )
    to_wallet = accounts.owner(refund.source) is not None
    ledger.post(
        kind=Kind.ADJUSTMENT if to_wallet else Kind.SUSPENSE,
        reference=refund.refund_no,
        source=accounts.clearing(PayType(refund.pay_type).word),
        target=refund.source,
        amount=refund.amount,
        now=now,
        note=says[:255],
        case_id=case.pk,
    )
