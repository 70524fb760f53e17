"""Who we were at a channel when a payment was made: what follows it goes by the same keys."""

from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Q, QuerySet

from payments import bills
from payments.channels import registry
from payments.channels.base import Channel
from payments.models import ChannelRefund, Notification, PaymentOrder
from payments.states import PayType

NEAR = timedelta(days=1)  # clocks, and the channel's own days, part at midnight
LATE = timedelta(
    days=30
)  # so long after it was made an order of a merchant of before is looked for


def of_refund(refund: ChannelRefund) -> str:
    """The merchant that holds the money; empty: nobody knows better than the settings in force.

    The notification that told of the payment comes first: it may have named an order of ours, and
    yet have come from another merchant, and is then in suspense.
    """
    told = Notification.objects.filter(pay_type=refund.pay_type, trade_no=refund.trade_no)
    ordered = PaymentOrder.objects.filter(pay_type=refund.pay_type, order_no=refund.order_no)
    return (
        told.exclude(merchant="").values_list("merchant", flat=True).first()
        or ordered.values_list("merchant", flat=True).first()
        or ""
    )


@dataclass(frozen=True, slots=True)
class Billed:
    """Whose bill is to be asked for; `is_sure`: something of ours must stand in it."""

    channel: Channel
    is_sure: bool


def billed(pay_type: PayType, day: date) -> list[Billed]:
    """Whose bill of this day is to be compared: the merchant's in force, that of each one of
    before who was paid or paid back about that day, or still may be, and, without being sure, of
    each one whose orders may be paid late. The others are left in peace: an account that is long
    closed gives no bill. Raises LookupError for a channel unknown here.
    """
    known = registry.every(pay_type)
    if not known:
        raise registry.NotOffered(pay_type)
    is_offered = pay_type in registry.offered()
    by_account: dict[str, list[Channel]] = {}
    for channel in known:
        by_account.setdefault(channel.account, []).append(channel)
    found = []
    for at, channels in enumerate(by_account.values()):
        is_sure = (at == 0 and is_offered) or _was_busy(pay_type, channels, day)
        if is_sure or _may_be_paid_late(pay_type, channels, day):
            found.append(Billed(channels[0], is_sure))
    return found


def _was_busy(pay_type: PayType, channels: list[Channel], day: date) -> bool:
    begin, end = bills.bounds(pay_type, day)
    about = (begin - NEAR, end + NEAR)
    orders = _orders(pay_type, channels)
    if orders.filter(Q(paid_at__range=about) | Q(chase_at__isnull=False)).exists():
        return True
    refunds = ChannelRefund.objects.filter(
        Q(done_at__range=about) | Q(chase_at__isnull=False), pay_type=pay_type
    )
    told = Notification.objects.filter(pay_type=pay_type, merchant__in=_names(channels))
    of_theirs = Q(order_no__in=orders.values("order_no")) | Q(trade_no__in=told.values("trade_no"))
    return refunds.filter(of_theirs).exists()


def _may_be_paid_late(pay_type: PayType, channels: list[Channel], day: date) -> bool:
    """Closed here or not: a channel may have taken the money, and its notification be lost."""
    begin, end = bills.bounds(pay_type, day)
    made = _orders(pay_type, channels).filter(add_time__range=(begin - LATE, end + NEAR))
    return made.exists()


def _orders(pay_type: PayType, channels: list[Channel]) -> QuerySet[PaymentOrder]:
    return PaymentOrder.objects.filter(pay_type=pay_type, merchant__in=_names(channels))


def _names(channels: list[Channel]) -> list[str]:
    return [channel.merchant for channel in channels]
