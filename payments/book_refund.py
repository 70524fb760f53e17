"""Book a refund that was made at the channel itself (渠道端退款): its bill alone knows of it."""

from datetime import date, datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from kit import retry
from kit.refusals import Conflict, Invalid
from payments import cases, channel_refund
from payments.channel_refund import Refundable
from payments.models import Case, ChannelRefund, PaymentOrder
from payments.states import WITH_MONEY, CaseKind, CaseStatus, OrderStatus, PayType
from wallets import accounts
from wallets.statement import balance


class ProposedAlready(Conflict):
    code, detail = "proposed_already", _("Booking this refund is proposed already, or done.")


@retry.unit
def propose(
    *, case_id: int, reason: str, maker_id: int, now: datetime, also: retry.Also | None = None
) -> ChannelRefund:
    """Propose to book what a row of a bill says went back; another person approves it.

    Money:   none yet. Approved: source -> clearing, one line, reference: our refund number; the
             channel is told nothing, it has done it.
    Races:   its number at the channel is unique among what is proposed and booked; the payment's
             row holds the sum of all refunds, so none of it goes back again.
    Raises:  Invalid (400) for a case about anything else, and while the payment is not booked;
             ProposedAlready, NothingLeft (409).
    """
    case = Case.objects.get(pk=case_id)
    number, day = _row(case)
    if not number or case.status != CaseStatus.OPEN:
        raise Invalid(errors={"case": [_("This case is about no refund of a bill.")]})
    payment = payment_of(case)
    if payment is None:
        raise Invalid(errors={"case": [_("Its payment is not in our books: book that first.")]})
    try:
        with transaction.atomic():
            key = f"{payment.pay_type.word}:{number}"
            there = {"their_no": number, "billed_on": day, "open_key": key}
            return channel_refund.put_forward(
                payment, amount=case.amount, reason=reason, maker_id=maker_id, now=now, theirs=there
            )
    except IntegrityError as error:
        raise ProposedAlready() from error


def is_bookable(case: Case) -> bool:
    """Whether it is a refund that is not ours, of a payment that is in our books."""
    return bool(_row(case)[0]) and payment_of(case) is not None


def payment_of(case: Case) -> Refundable | None:
    """The payment that went back, and the account whose money it was: suspense while it waits
    there, the payer's wallet for a top-up that he still has, the platform otherwise."""
    pay_type = PayType(case.pay_type)
    of_it = {"pay_type": pay_type, "trade_no": case.trade_no}
    waiting = Case.objects.filter(kind__in=WITH_MONEY, status=CaseStatus.OPEN, **of_it)
    for held in waiting.order_by("pk"):
        if cases.held_by(held) >= case.amount:
            suspense = accounts.SUSPENSE
            paid = channel_refund.paid_of(held)
            return Refundable(pay_type, held.order_no, held.trade_no, paid, suspense, held)
    order = PaymentOrder.objects.filter(status=OrderStatus.CONFIRMED, **of_it).first()
    if order is None:
        return None
    has_it = order.purpose == "topup" and balance(order.user_id).balance >= case.amount
    source = accounts.wallet(order.user_id) if has_it else accounts.PLATFORM
    return Refundable(pay_type, order.order_no, order.trade_no, order.amount, source)


def _row(case: Case) -> tuple[str, date | None]:
    """Number and day of the refund that a bill's row tells of; empty when it is about anything
    else: a payment of ours, or a refund of ours that the bill has otherwise."""
    word, _sign, rest = case.reference.partition(":")
    day, _sign, named = rest.partition(":")
    is_row = case.kind == CaseKind.BILL_SHORTFALL and word == PayType(case.pay_type).word
    if not is_row or not case.trade_no or named == case.trade_no or case.amount <= 0:
        return "", None
    if ChannelRefund.objects.filter(pay_type=case.pay_type, refund_no=named).exists():
        return "", None
    number = case.trade_no if named == f"{case.trade_no}:refund" else named
    return number, date.fromisoformat(day)
