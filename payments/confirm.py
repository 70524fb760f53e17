"""A channel's verified word that money has arrived (确认): it lands in the right place, once."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from kit import pause, retry
from kit.money import ZERO
from kit.moves import move
from kit.telling import source
from payments import awaiting, cases, channel_refund, order, purposes, sayings, suspended, trades
from payments.channels.base import Payment
from payments.models import PaymentOrder, Trade
from payments.purposes import Fits, Misfit
from payments.states import PAYABLE, CaseKind, NoticeOutcome, OrderStatus, PayType
from wallets import accounts, ledger
from wallets.states import LineKind

CLOCKS = timedelta(days=1)  # so far from ours a channel's clock may be


def confirm(*, payment: Payment, now: datetime, is_asked: bool = False) -> NoticeOutcome:
    """Book a payment: to its owner when it fits, else to suspense with a case for finance.

    A payment is booked once, by its trade number. What says something else of it than what stands
    in suspense is believed when it is the channel's answer to our question (`is_asked`), and is
    DOUBTED otherwise: then the channel is to be asked (doubt.py).

    Money:   Decimal yuan. clearing -> the owner's account, or clearing -> suspense; one line. Told
             anew: suspense -> clearing before that, or clearing -> suspense for what is missing.
    Races:   all words about one payment take turns on its row (trades.py); the order row's WHERE
             lets one confirmation through; of two orders of one packet the slower one rolls back
             whole, asks its owner again and lands in suspense.
    Repeats: a channel says everything several times: DUPLICATE, nothing moves.
    Spec:    1.7, 2.6
    """
    return retry.while_faster(
        lambda: _confirm(payment=payment, now=now, is_asked=is_asked),
        # Two payments of one packet at once: the slower one is asked again and told so.
        purposes.NoLongerFits,
        ledger.AlreadyPosted,
        ledger.Uncovered,
    )


def suspend(*, payment: Payment, now: datetime) -> NoticeOutcome:
    """Book a payment to suspense, whatever its owner says; inside the transaction of who asks."""
    suspended.hold(payment)
    paid = _order_of(payment)
    is_known = _is_told(payment, paid) or trades.is_anothers(payment)
    if is_known or in_suspense(payment) is not None:
        return NoticeOutcome.DUPLICATE
    return _land(payment, paid, now, into_suspense=True)


@retry.unit
def _confirm(*, payment: Payment, now: datetime, is_asked: bool) -> NoticeOutcome:
    if _is_told(payment, _order_of(payment)):
        return NoticeOutcome.DUPLICATE  # nobody waits for that
    trade, paid = suspended.hold(payment), _order_of(payment)
    if _is_told(payment, paid):
        return NoticeOutcome.DUPLICATE
    if trades.is_anothers(payment):
        return contradicted(payment, sayings.OTHER_ORDERS, now)
    stands = in_suspense(payment)
    if stands is not None:
        if _agrees(payment, paid, stands):
            return NoticeOutcome.DUPLICATE
        if paid is None or paid.status == OrderStatus.CONFIRMED:
            return contradicted(
                payment, sayings.STANDS % {"amount": stands}, now
            )  # none to ask about
        if not is_asked:
            return NoticeOutcome.DOUBTED
        if not suspended.is_whole(payment, stands):
            return _add(payment, trade, stands, now)
        said = _says(payment)
        suspended.take_out(payment, trade, stands, says=said, now=now)
        cases.known(kinds=(CaseKind.CONTRADICTED,), reference=about(payment), says=said, now=now)
    return _land(payment, paid, now)


def _order_of(payment: Payment) -> PaymentOrder | None:
    found = PaymentOrder.objects.filter(order_no=payment.order_no, pay_type=payment.pay_type)
    paid = found.first()
    return paid if paid and payment.is_of(paid) else None


def _is_told(payment: Payment, paid: PaymentOrder | None) -> bool:
    """Whether its order was confirmed by this very payment."""
    if paid is None or paid.status != OrderStatus.CONFIRMED:
        return False
    return paid.trade_no == payment.trade_no


def in_suspense(payment: Payment) -> Decimal | None:
    return suspended.amounts(payment.pay_type, [payment.trade_no]).get(payment.trade_no)


def _agrees(payment: Payment, paid: PaymentOrder | None, stands: Decimal) -> bool:
    """Whether it says what stands in suspense already; not when its order is still waiting for just
    that, and all of it is there: it was told of as somebody else's, or has come back."""
    is_waited_for = paid and paid.status in PAYABLE and paid.amount == payment.amount
    if stands != payment.amount:
        return False
    return not (is_waited_for and suspended.is_whole(payment, stands))


def _land(
    payment: Payment, paid: PaymentOrder | None, now: datetime, *, into_suspense: bool = False
) -> NoticeOutcome:
    pause.here("confirm: has looked into the books")
    if paid is None:
        return _suspend(payment, CaseKind.UNKNOWN_ORDER, now)
    if payment.amount != paid.amount:
        return _suspend(payment, CaseKind.WRONG_AMOUNT, now)
    facts = {
        "trade_no": payment.trade_no,
        "confirmed_at": now,
        "paid_at": _paid_at(payment, paid, now),
        "settle_date": payment.settle_date,
        "open_key": None,
        "chase_at": None,
    }
    if not move(PaymentOrder.objects.filter(pk=paid.pk), to=OrderStatus.CONFIRMED, **facts):
        return _suspend(payment, CaseKind.SECOND_PAYMENT, now)
    for name, value in {"status": OrderStatus.CONFIRMED, **facts}.items():
        setattr(paid, name, value)
    awaiting.known(paid, now)
    owner = purposes.owners[paid.purpose]
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
    order.paid(purpose=paid.purpose, reference=paid.reference, now=now)
    return NoticeOutcome.CONFIRMED


def _paid_at(payment: Payment, paid: PaymentOrder, now: datetime) -> datetime:
    """By the channel's clock; by ours where that tells none, or a day on which it cannot have been:
    nobody would ever miss it in that day's bill."""
    told = payment.paid_at
    return told if told and paid.add_time - CLOCKS <= told <= now + CLOCKS else now


def _add(payment: Payment, trade: Trade, stands: Decimal, now: datetime) -> NoticeOutcome:
    """Some of what was told before has gone back to its payer, or on: so this pays no order. What
    is missing of the payment joins it in suspense; what was told too much can come out only when
    all of it is back."""
    more = payment.amount - stands
    if more == ZERO:
        return NoticeOutcome.DUPLICATE
    if more < ZERO:
        return contradicted(payment, sayings.HAS_LEFT % {"amount": stands}, now)
    suspended.now_paid(payment, trade, payment.amount)
    return _suspend(replace(payment, amount=more), CaseKind.WRONG_AMOUNT, now)


def contradicted(payment: Payment, says: str, now: datetime) -> NoticeOutcome:
    """Our books say something else of this payment, and stay as they are: finance looks. For use
    inside a transaction."""
    cases.open_about(
        payment,
        kind=CaseKind.CONTRADICTED,
        reference=about(payment),
        says=f"{says}; {_says(payment)}",
        now=now,
    )
    return NoticeOutcome.CONTRADICTED


def about(payment: Payment) -> str:
    """The reference of cases about a payment that hold no money: no ledger line bears it."""
    return f"trade:{payment.pay_type.word}:{payment.trade_no}"


def _says(payment: Payment) -> str:
    told = {"amount": payment.amount, "order": payment.order_no}
    return sayings.CHANNEL_SAYS % told


def _suspend(payment: Payment, kind: CaseKind, now: datetime) -> NoticeOutcome:
    """The money is here and nobody's: it waits in suspense, with a case and, where the order is
    ours, a channel refund proposed."""
    pause.here("confirm: is about to suspend it")
    reference = suspended.reference(payment)
    case = cases.open_about(payment, kind=kind, reference=reference, now=now)
    ledger.post(
        kind=LineKind.SUSPENSE,
        reference=reference,
        source=_clearing(payment.pay_type),
        target=accounts.SUSPENSE,
        amount=payment.amount,
        now=now,
        case_id=case.pk,
    )
    if kind is not CaseKind.UNKNOWN_ORDER:
        arrived = channel_refund.Refundable(
            pay_type=payment.pay_type,
            order_no=payment.order_no,
            trade_no=payment.trade_no,
            paid=trades.paid(payment.pay_type, payment.trade_no, payment.amount),
            source=accounts.SUSPENSE,
            case=case,
        )
        reason = source(CaseKind(kind).label)
        channel_refund.put_forward(arrived, amount=payment.amount, reason=reason, now=now)
    return NoticeOutcome.SUSPENSE


def _clearing(pay_type: PayType) -> str:
    return accounts.clearing(pay_type.word)
