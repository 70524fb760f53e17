"""Tell a channel of a refund that was approved, and ask until it says what became of it."""

from datetime import datetime, timedelta

import structlog
from django.conf import settings

from payments import cases
from payments.channels import registry
from payments.channels.base import ChannelDown, RefundState, Refused
from payments.models import ChannelRefund
from payments.states import CaseKind, PayType, RefundStatus
from redpacket_site.kit import retry
from redpacket_site.kit.moves import move
from wallets import accounts, ledger
from wallets.models import Kind

log = structlog.get_logger(__name__)

PAUSE_S_MAX = 3600


def send(*, refund_id: int, now: datetime) -> RefundState | None:
    """Tell the channel, or ask what became of it; None when there is nothing to do.

    Races:   the next try's time in the WHERE: one worker calls.
    Repeats: the same refund number each time, so the channel refunds once.
    """
    refund = ChannelRefund.objects.filter(
        pk=refund_id, status__in=(RefundStatus.APPROVED, RefundStatus.SENT)
    ).first()
    if refund is None or not _claim(refund, now):
        return None
    try:
        channel = registry.channel(PayType(refund.pay_type))
        answer = channel.query_refund(refund) if refund.status == RefundStatus.SENT else None
        if answer is None or answer.state is RefundState.UNKNOWN:
            answer = channel.refund(refund)
    except Refused as error:
        _fail(refund_id=refund_id, says=str(error), now=now)
        return RefundState.FAILED
    except (ChannelDown, LookupError) as error:
        log.warning("refund_unanswered", refund_no=refund.refund_no, error=str(error))
        return RefundState.PENDING
    row, says = ChannelRefund.objects.filter(pk=refund_id), answer.says[:255]
    match answer.state:
        case RefundState.DONE:
            move(row, to=RefundStatus.DONE, done_at=now, chase_at=None, answer=says)
        case RefundState.FAILED:
            _fail(refund_id=refund_id, says=answer.says, now=now)
        case _:
            if not move(row, to=RefundStatus.SENT, answer=says):
                row.filter(status=RefundStatus.SENT).update(answer=says)
    return answer.state


def _claim(refund: ChannelRefund, now: datetime) -> bool:
    pause_s = min(settings.REDPACKET_CHASE_S * 2 ** min(refund.chases, 12), PAUSE_S_MAX)
    return move(
        ChannelRefund.objects.filter(pk=refund.pk, chase_at=refund.chase_at, chases=refund.chases),
        chase_at=now + timedelta(seconds=pause_s),
        chases=refund.chases + 1,
    )


@retry.unit
def _fail(*, refund_id: int, says: str, now: datetime) -> None:
    """The channel will not: the money goes back to where it came from, and finance decides."""
    refund = ChannelRefund.objects.get(pk=refund_id)
    row = ChannelRefund.objects.filter(pk=refund_id)
    changes = {"chase_at": None, "open_key": None, "answer": says[:255]}
    if not move(row, to=RefundStatus.FAILED, **changes):
        return
    to_wallet = accounts.owner(refund.source) is not None
    ledger.post(
        kind=Kind.ADJUSTMENT if to_wallet else Kind.SUSPENSE,
        reference=refund.refund_no,
        source=accounts.clearing(PayType(refund.pay_type).word),
        target=refund.source,
        amount=refund.amount,
        now=now,
        note=says[:255],
    )
    cases.open_case(
        kind=CaseKind.REFUND_FAILED,
        reference=refund.refund_no,
        pay_type=PayType(refund.pay_type),
        order_no=refund.order_no,
        trade_no=refund.trade_no,
        amount=refund.amount,
        says=says,
        now=now,
    )
