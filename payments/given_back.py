"""Given back at the channel, and not by us (渠道端退款): from the merchant's own pages there, or by
the channel itself. Our books know nothing of it, so finance is told."""

from datetime import datetime

from kit import retry
from payments import cases, sayings
from payments.channels.base import Answer
from payments.models import ChannelRefund, PaymentOrder
from payments.states import NOT_SENT, CaseKind, PayType


@retry.unit
def tell(*, order: PaymentOrder, answer: Answer, now: datetime) -> bool:
    """Open the case of a payment that was given back before it was ever confirmed here; False when
    it is refunds of ours that its channel speaks of.

    Money:   none moves, and the case holds none: the bill tells what the channel has kept of it.
    Repeats: one case a payment.
    """
    paid = answer.was_paid
    trade_no = paid.trade_no if paid else ""
    if trade_no and _is_ours(order.pay_type, trade_no):
        return False
    about = f"trade:{PayType(order.pay_type).word}:{trade_no}" if trade_no else order.order_no
    cases.open_case(
        kind=CaseKind.GIVEN_BACK,
        reference=about,  # no ledger line bears it
        pay_type=PayType(order.pay_type),
        order_no=order.order_no,
        trade_no=trade_no,
        amount=paid.amount if paid else order.amount,
        says=f"{answer.says}: {sayings.GIVEN_BACK}",
        now=now,
    )
    return True


def _is_ours(pay_type: int, trade_no: str) -> bool:
    refunds = ChannelRefund.objects.filter(pay_type=pay_type, trade_no=trade_no)
    return refunds.exclude(status__in=NOT_SENT).exists()
