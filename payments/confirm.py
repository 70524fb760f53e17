"""A channel's verified word that money has arrived (确认): it lands in the right place, once."""

from datetime import datetime

from payments import awaiting, cases, channel_refund, order, purposes
from payments.channels.base import Payment
from payments.models import PaymentOrder
from payments.purposes import Fits, Misfit
from payments.states import PAYABLE, CaseKind, NoticeOutcome, OrderStatus, PayType
from redpacket_site.kit import retry
from redpacket_site.kit.moves import move
from wallets import accounts, ledger
from wallets.models import Kind, LedgerLine

TRIES = 3  # two payments of one packet at once: the slower one is asked again and told so


def confirm(*, payment: Payment, now: datetime) -> NoticeOutcome:
    """Book a payment: to its owner when it fits, else to suspense with a case for finance.

    Money:   Decimal yuan. clearing -> the owner's account, or clearing -> suspense; one line.
    Races:   the order row's WHERE lets one confirmation through; of two orders of one packet the
             slower one rolls back whole, asks its owner again and lands in suspense.
    Repeats: a channel says everything several times: DUPLICATE, nothing moves.
    Spec:    1.7, 2.6
    """
    try:
        for _ in range(TRIES - 1):
            try:
                return _confirm(payment=payment, now=now)
            except (purposes.NoLongerFits, ledger.AlreadyPosted, ledger.Uncovered):
                continue
        return _confirm(payment=payment, now=now)
    except InSuspense:
        return NoticeOutcome.DUPLICATE


class InSuspense(Exception):
    """This payment was booked by its bill (book.py) while its order was being confirmed."""


def suspend(*, payment: Payment, now: datetime) -> NoticeOutcome:
    """Book a payment to suspense, whatever its owner says; inside the transaction of who asks for
    it, with the order's row held."""
    if _is_suspended(payment):
        return NoticeOutcome.DUPLICATE
    return _land(payment, now, into_suspense=True)


@retry.unit
def _confirm(*, payment: Payment, now: datetime) -> NoticeOutcome:
    return _land(payment, now)


def _land(payment: Payment, now: datetime, *, into_suspense: bool = False) -> NoticeOutcome:
    paid = PaymentOrder.objects.filter(order_no=payment.order_no, pay_type=payment.pay_type).first()
    if paid is None or not payment.is_of(paid):
        return _suspend(payment, CaseKind.UNKNOWN_ORDER, now)
    if paid.status == OrderStatus.CONFIRMED and paid.trade_no == payment.trade_no:
        return NoticeOutcome.DUPLICATE
    if payment.amount != paid.amount:
        return _suspend(payment, CaseKind.WRONG_AMOUNT, now)
    facts = {
        "trade_no": payment.trade_no,
        "confirmed_at": now,
        "paid_at": payment.paid_at or now,
        "settle_date": payment.settle_date,
        "open_key": None,
        "chase_at": None,
    }
    row = PaymentOrder.objects.filter(pk=paid.pk)
    was_payable = move(row.filter(status__in=PAYABLE), to=OrderStatus.CONFIRMED, **facts)
    if not was_payable and not move(row, to=OrderStatus.CONFIRMED, **facts):
        paid.refresh_from_db()
        if paid.trade_no == payment.trade_no:
            return NoticeOutcome.DUPLICATE
        return _suspend(payment, CaseKind.SECOND_PAYMENT, now)
    if _is_suspended(payment) and not (was_payable and _is_of_another_amount(payment)):
        raise InSuspense()
    for name, value in {"status": OrderStatus.CONFIRMED, **facts}.items():
        setattr(paid, name, value)
    awaiting.known(paid, now)
    owner = purposes.owner(paid.purpose)
    match Misfit(CaseKind.LATE_PAYMENT) if into_suspense else owner.accepts(paid):
        case Misfit(kind):
            return _suspend(payment, kind, now)
        case Fits(account, kind):
            ledger.post(
                kind=kind,
                reference=paid.order_no,
                source=_clearing(payment.pay_type),
                target=account,
                amount=payment.amount,
                now=now,
            )
    owner.confirmed(paid, now)
    order.supersede(purpose=paid.purpose, reference=paid.reference, now=now)
    return NoticeOutcome.CONFIRMED


def _suspend(payment: Payment, kind: CaseKind, now: datetime) -> NoticeOutcome:
    """The money is here and nobody's: it waits in suspense, with a case and, where the order is
    ours, a channel refund proposed."""
    reference = _reference(payment)
    if _is_suspended(payment):
        return NoticeOutcome.DUPLICATE
    case = cases.open_case(
        kind=kind,
        reference=reference,
        pay_type=payment.pay_type,
        order_no=payment.order_no,
        trade_no=payment.trade_no,
        amount=payment.amount,
        now=now,
    )
    ledger.post(
        kind=Kind.SUSPENSE,
        reference=reference,
        source=_clearing(payment.pay_type),
        target=accounts.SUSPENSE,
        amount=payment.amount,
        now=now,
        case_id=case.pk,
    )
    if kind is not CaseKind.UNKNOWN_ORDER:
        channel_refund.put_forward(
            pay_type=payment.pay_type,
            order_no=payment.order_no,
            trade_no=payment.trade_no,
            paid=payment.amount,
            amount=payment.amount,
            source=accounts.SUSPENSE,
            reason=str(CaseKind(kind).label),
            case=case,
            now=now,
        )
    return NoticeOutcome.SUSPENSE


def _reference(payment: Payment) -> str:
    return f"{payment.pay_type.word}:{payment.trade_no}"


def _is_suspended(payment: Payment) -> bool:
    booked = LedgerLine.objects.filter(kind=Kind.SUSPENSE, reference=_reference(payment))
    return booked.exists()


def _is_of_another_amount(payment: Payment) -> bool:
    """What was told first did not fit the order, which was still to be paid: its case stands, and
    this word was waited for (api.md, Orders). A bill books payments of ended orders alone."""
    booked = LedgerLine.objects.filter(kind=Kind.SUSPENSE, reference=_reference(payment))
    return not booked.filter(amount=payment.amount).exists()


def _clearing(pay_type: PayType) -> str:
    return accounts.clearing(pay_type.word)
