"""A notification that says something else of a payment than our books: which of them is true."""

from datetime import datetime

from kit import retry
from payments import ask, confirm, sayings
from payments.channels.base import Payment, State
from payments.models import PaymentOrder
from payments.states import NoticeOutcome, OrderStatus

SAID = (State.PAID, State.REFUNDED)


def settle(*, payment: Payment, now: datetime) -> NoticeOutcome:
    """Ask the channel: its answer counts. When it has none, this word of its own counts, if it says
    what the order asks for.

    Money:   as confirm.py books the answer; none when that says what stands in our books.
    Races:   while another worker asks about this order, nothing is decided: the channel will knock
             again.
    Repeats: whatever was decided is a duplicate, or has its case.
    """
    asked = PaymentOrder.objects.get(order_no=payment.order_no, pay_type=payment.pay_type)
    state = ask.ask(order_id=asked.pk, now=now)
    outcome = confirm.confirm(payment=payment, now=now)
    if outcome is NoticeOutcome.DOUBTED and state in SAID:
        return _contradicted(payment=payment, now=now)
    if outcome is NoticeOutcome.DOUBTED and state and payment.amount == asked.amount:
        return confirm.confirm(payment=payment, now=now, is_asked=True)
    if outcome is NoticeOutcome.DUPLICATE and state is State.PAID:
        asked.refresh_from_db()
        if asked.status == OrderStatus.CONFIRMED:
            return NoticeOutcome.CONFIRMED
    return outcome


@retry.unit
def _contradicted(*, payment: Payment, now: datetime) -> NoticeOutcome:
    return confirm.contradicted(payment, sayings.SAYS_ELSE, now)
