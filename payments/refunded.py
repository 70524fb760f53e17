"""How much of one payment has gone back through its channel, or is proposed to: never above it."""

from decimal import Decimal

from django.utils.translation import gettext_lazy as _

from payments.models import ChannelRefund, Refunded
from payments.states import IN_VAIN, PayType
from redpacket_site.kit.money import plus, total
from redpacket_site.kit.moves import hold, move
from redpacket_site.kit.problems import Conflict


class NothingLeft(Conflict):
    code = "nothing_left_to_refund"
    detail = _("The rest of this payment has gone back, or is under way.")


def rest(*, pay_type: PayType, trade_no: str, paid: Decimal) -> Decimal:
    """What can still be proposed to go back of this payment."""
    return paid - _under_way(pay_type, trade_no)


def reserve(*, pay_type: PayType, trade_no: str, paid: Decimal, amount: Decimal) -> None:
    """Set a part of a payment aside for a refund; for use inside the proposal's transaction.

    Races:  the payment's row decides between two proposals; the database checks it again.
    Raises: NothingLeft (409).
    """
    begun = {"paid": paid, "amount": _under_way(pay_type, trade_no)}
    row, _made = Refunded.objects.get_or_create(
        pay_type=pay_type, trade_no=trade_no, defaults=begun
    )
    has_rest = Refunded.objects.filter(pk=row.pk, amount__lte=row.paid - amount)
    if not move(has_rest, amount=plus("amount", amount)):
        raise NothingLeft()


def recount(refund: ChannelRefund) -> None:
    """This refund came to nothing, so that its part can be refunded again, or was paid after it had
    failed; in the transaction that says so, behind the move of the refund's own row.

    Counted anew rather than subtracted: what was paid after all may come on top of what was
    proposed in its place; then the row is full, and right again once that has failed.

    Races:  the payment's row is held: who counts last sees what the others have committed.
    """
    pay_type, trade_no = PayType(refund.pay_type), refund.trade_no
    row = Refunded.objects.filter(pay_type=pay_type, trade_no=trade_no).first()
    if row is None or not hold(Refunded, row.pk):
        return
    amount = min(row.paid, _under_way(pay_type, trade_no))
    Refunded.objects.filter(pk=row.pk).update(amount=amount)


def _under_way(pay_type: PayType, trade_no: str) -> Decimal:
    refunds = ChannelRefund.objects.filter(pay_type=pay_type, trade_no=trade_no)
    return total(refunds.exclude(status__in=IN_VAIN), "amount")
