"""One payment at a channel, by its number there (渠道交易号): booked once, whatever is said of it.

Everybody who hears of a payment, or gives some of it back, takes turns on its row (models.Trade).
"""

from decimal import Decimal

from kit.money import total
from kit.moves import hold
from payments.channels.base import Payment
from payments.models import ChannelRefund, PaymentOrder, Trade
from payments.states import IN_VAIN, OrderStatus, PayType


def row(*, pay_type: PayType, trade_no: str, paid: Decimal) -> Trade:
    begun = {"paid": paid, "refunded": min(paid, under_way(pay_type, trade_no))}
    found, _made = Trade.objects.get_or_create(pay_type=pay_type, trade_no=trade_no, defaults=begun)
    return found


def turn(pay_type: int, trade_no: str) -> Trade | None:
    """Hold its row, by its key; None: it has none. Before any refund's row (docs/locks.md)."""
    of_it = Trade.objects.filter(pay_type=pay_type, trade_no=trade_no)
    key = of_it.values_list("pk", flat=True).first()
    return Trade.objects.get(pk=key) if key and hold(Trade, key) else None


def paid(pay_type: PayType, trade_no: str, otherwise: Decimal) -> Decimal:
    """What the payment came to, as far as it is known: the total that its channel wants to hear."""
    found = Trade.objects.filter(pay_type=pay_type, trade_no=trade_no)
    return found.values_list("paid", flat=True).first() or otherwise


def under_way(pay_type: PayType, trade_no: str) -> Decimal:
    refunds = ChannelRefund.objects.filter(pay_type=pay_type, trade_no=trade_no)
    return total(refunds.exclude(status__in=IN_VAIN), "amount")


def is_anothers(payment: Payment) -> bool:
    """Whether another order was confirmed by this payment."""
    confirmed = PaymentOrder.objects.filter(
        pay_type=payment.pay_type, trade_no=payment.trade_no, status=OrderStatus.CONFIRMED
    )
    return confirmed.exclude(order_no=payment.order_no).exists()
