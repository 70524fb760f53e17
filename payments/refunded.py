"""How much of one payment has gone back through its channel, or is proposed to: never above it."""

from decimal import Decimal

from django.utils.translation import gettext_lazy as _

from kit.money import plus
from kit.moves import move
from kit.refusals import Conflict
from payments import trades
from payments.models import ChannelRefund, Trade
from payments.states import PayType


class NothingLeft(Conflict):
    code = "nothing_left_to_refund"
    detail = _("The rest of this payment has gone back, or is under way.")


def rest(*, pay_type: PayType, trade_no: str, paid: Decimal) -> Decimal:
    """What can still be proposed to go back of this payment."""
    return paid - trades.under_way(pay_type, trade_no)


def reserve(*, pay_type: PayType, trade_no: str, paid: Decimal, amount: Decimal) -> None:
    """Set a part of a payment aside for a refund; for use inside the proposal's transaction.

    Races:  the payment's row decides between two proposals; the database checks it again.
    Raises: NothingLeft (409).
    """
    trade = trades.row(pay_type=pay_type, trade_no=trade_no, paid=paid)
    has_rest = Trade.objects.filter(pk=trade.pk, refunded__lte=trade.paid - amount)
    if not move(has_rest, refunded=plus("refunded", amount)):
        raise NothingLeft()


def turn(refund: ChannelRefund) -> None:
    """Take turns on the payment before the refund's own row is changed (docs/locks.md)."""
    trades.turn(refund.pay_type, refund.trade_no)


def recount(refund: ChannelRefund) -> None:
    """This refund came to nothing, so that its part can be refunded again, or was paid after it had
    failed; in the transaction that says so, behind the move of the refund's own row.

    Counted anew rather than subtracted: what was paid after all may come on top of what was
    proposed in its place; then the row is full, and right again once that has failed.

    Races:  the payment's row is held: who counts last sees what the others have committed.
    """
    pay_type, trade_no = PayType(refund.pay_type), refund.trade_no
    trade = trades.turn(pay_type, trade_no)
    if trade:
        amount = min(trade.paid, trades.under_way(pay_type, trade_no))
        Trade.objects.filter(pk=trade.pk).update(refunded=amount)
