"""What stands in suspense for a payment (挂账), and how it goes back out when its channel says
something else of it than it did before."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from kit.money import ZERO
from kit.moves import move
from kit.present import present
from payments import cases, trades
from payments.channels.base import Payment
from payments.models import Case, ChannelRefund, Trade
from payments.states import ARRIVED, UNDER_WAY, WITH_MONEY, CaseStatus, PayType, RefundStatus
from wallets import accounts, ledger
from wallets.models import LedgerLine
from wallets.states import LineKind


def hold(payment: Payment) -> Trade:
    """Take turns on this payment until the transaction ends; its first word makes the row."""
    stands = amounts(payment.pay_type, [payment.trade_no]).get(payment.trade_no)
    paid = payment.amount if stands is None else stands
    trades.row(pay_type=payment.pay_type, trade_no=payment.trade_no, paid=paid)
    return present(trades.turn(payment.pay_type, payment.trade_no))


def amounts(pay_type: PayType, trade_nos: Iterable[str]) -> dict[str, Decimal]:
    """What came to suspense for these payments and was not taken out as never told; refunds and
    adjustments, which only carry it on, are not looked at."""
    about = Case.objects.filter(kind__in=WITH_MONEY, pay_type=pay_type, trade_no__in=trade_nos)
    trade_of = {}
    for kind, reference, trade_no in about.values_list("kind", "reference", "trade_no"):
        trade_of[cases.back_reference(reference)] = trade_no
        if kind in ARRIVED:
            trade_of[reference] = trade_no
    found: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for line in LedgerLine.objects.filter(kind=LineKind.SUSPENSE, reference__in=trade_of):
        sign = 1 if line.target == accounts.SUSPENSE else -1
        found[trade_of[line.reference]] += sign * line.amount
    return {trade_no: amount for trade_no, amount in found.items() if amount}


def reference(payment: Payment) -> str:
    """Of the line that brings it to suspense, and of its case: the second time with a number."""
    arrived = Case.objects.filter(
        kind__in=ARRIVED, pay_type=payment.pay_type, trade_no=payment.trade_no
    ).count()
    plain = f"{payment.pay_type.word}:{payment.trade_no}"
    return f"{plain}/{arrived + 1}" if arrived else plain


def is_whole(payment: Payment, stands: Decimal) -> bool:
    """Whether all that stands in suspense for it is still there: nothing has gone back to its payer
    or on to somebody else."""
    return sum((cases.held_by(case) for case in holding(payment)), ZERO) == stands


def take_out(payment: Payment, trade: Trade, stands: Decimal, *, says: str, now: datetime) -> None:
    """What stood in suspense was never so: it goes back to clearing, its cases are closed, its
    proposed refunds withdrawn. For use inside the transaction that books it anew, behind `hold`.

    Money:  suspense -> clearing, a line for each case that holds some of it.
    Races:  an approval that was faster has taken the case's money: Uncovered, and all is looked at
            again; one that is slower finds its proposal withdrawn.
    """
    proposed = ChannelRefund.objects.filter(
        pay_type=payment.pay_type, trade_no=payment.trade_no, status=RefundStatus.PROPOSED
    )
    for refund in proposed:
        as_read = ChannelRefund.objects.filter(pk=refund.pk)
        move(as_read, to=RefundStatus.WITHDRAWN, decided_at=now, open_key=None)
    taken = ZERO
    for case in holding(payment):
        held = cases.held_by(case)
        ledger.post(
            kind=LineKind.SUSPENSE,
            reference=cases.back_reference(case.reference),
            source=accounts.SUSPENSE,
            target=accounts.clearing(payment.pay_type.word),
            amount=held,
            now=now,
            note=says,
            case_id=case.pk,
        )
        taken += held
        cases.known(kinds=WITH_MONEY, reference=case.reference, says=says, now=now)
    if taken != stands:
        raise ledger.Uncovered()
    now_paid(payment, trade, payment.amount)


def now_paid(payment: Payment, trade: Trade, amount: Decimal) -> None:
    """It came to another amount: refunds that are still to be told name that as the whole."""
    of_it = {"pay_type": payment.pay_type, "trade_no": payment.trade_no}
    ChannelRefund.objects.filter(status__in=UNDER_WAY, **of_it).update(paid=amount)
    begun = min(amount, trades.under_way(payment.pay_type, payment.trade_no))
    Trade.objects.filter(pk=trade.pk).update(paid=amount, refunded=begun)


def holding(payment: Payment) -> list[Case]:
    """The open cases that hold some of it, in the order of their keys; where it came back to, too,
    after a refund had failed."""
    about = Case.objects.filter(
        kind__in=WITH_MONEY,
        pay_type=payment.pay_type,
        trade_no=payment.trade_no,
        status=CaseStatus.OPEN,
    )
    return [case for case in about.order_by("pk") if cases.held_by(case)]
