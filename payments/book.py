"""Book a payment that only the bill knows of (长款入账): into suspense, with a case of its own."""

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from kit import retry
from kit.refusals import Conflict, Invalid
from payments import cases, confirm
from payments.channels.base import Payment
from payments.models import Case, PaymentOrder
from payments.states import PAYABLE, CaseKind, PayType
from wallets import ledger


class StillPayable(Conflict):
    code, detail = "still_payable", _("This order is still open: ask the channel about it.")


def book(
    *, case_id: int, staff_id: int, reason: str, now: datetime, also: retry.Also | None = None
) -> bool:
    """Book the payment of a surplus row of a bill, and resolve its case; False when somebody else
    was faster with the case.

    Money:   clearing -> suspense, by the line that a late notification would post: it leaves by a
             refund or an adjustment under four eyes. Never to the payer: a file that somebody
             uploads is not the channel's signature.
    Races:   the payment's row is held, so a notification of it comes before or after: whoever is
             second finds the money there.
    Repeats: what is booked already only resolves the case.
    Raises:  Invalid (400) for a case that is about no payment, StillPayable (409), StillHeld (409)
             while an adjustment has put money into the case itself.
    """
    return retry.while_faster(
        lambda: _book(case_id=case_id, staff_id=staff_id, reason=reason, now=now, also=also),
        ledger.AlreadyPosted,  # a notification of the same payment may come at the same moment
    )


@retry.unit
def _book(
    *, case_id: int, staff_id: int, reason: str, now: datetime, also: retry.Also | None = None
) -> bool:
    case = Case.objects.get(pk=case_id)
    payment = payment_of(case)
    if payment is None:
        raise Invalid(errors={"case": [_("This case is about no payment of a bill.")]})
    if not cases.close(case_id=case_id, staff_id=staff_id, resolution=reason, now=now):
        return False
    order = order_of(payment)
    if order and order.status in PAYABLE:  # what has ended does not become payable again
        raise StillPayable()
    confirm.suspend(payment=payment, now=now)
    return True


def payment_of(case: Case) -> Payment | None:
    """The payment of a surplus row, as the bill tells it; None for any other case."""
    word = PayType(case.pay_type).word
    is_payment = (
        case.kind == CaseKind.BILL_SURPLUS
        and case.trade_no
        and case.reference.startswith(f"{word}:")
        and case.reference.split(":", 2)[-1] == case.trade_no
    )
    if not is_payment or case.amount <= 0:
        return None
    return Payment(PayType(case.pay_type), case.order_no, case.trade_no, case.amount)


def order_of(payment: Payment) -> PaymentOrder | None:
    return PaymentOrder.objects.filter(order_no=payment.order_no, pay_type=payment.pay_type).first()


def is_bookable(case: Case) -> bool:
    """Whether it is a payment whose order has ended here, or that we never knew."""
    payment = payment_of(case)
    if payment is None:
        return False
    order = order_of(payment)
    return order is None or order.status not in PAYABLE
