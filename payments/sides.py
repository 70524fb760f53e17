"""Both sides of a bill's day: what the channel says, and what our books say of it."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from django.db.models import Q, QuerySet

from kit.money import total
from payments import bills
from payments.models import Bill, ChannelRefund, PaymentOrder
from payments.states import OrderStatus, PayType, RefundStatus

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Side:
    """What was paid and what went back."""

    paid: Decimal
    refunded: Decimal

    @property
    def net(self) -> Decimal:
        return self.paid - self.refunded


def theirs(bill: Bill) -> Side:
    return Side(bill.total, bill.refunded)


Rows = tuple[QuerySet[PaymentOrder], QuerySet[ChannelRefund]]


def named(bill: Bill) -> Side:
    """Of ours what this bill names, by our amounts."""
    return _sum(named_rows(bill))


def unnamed(bill: Bill) -> Side:
    """Of ours what is of this day by the channel's clock and stands in no bill (yet)."""
    return _sum(unnamed_rows(bill))


def named_rows(bill: Bill) -> Rows:
    of = {"pay_type": bill.pay_type, "billed_on": bill.day}
    return PaymentOrder.objects.filter(**of), ChannelRefund.objects.filter(**of)


def unnamed_rows(bill: Bill) -> Rows:
    begin, end = bills.bounds(PayType(bill.pay_type), bill.day)
    of = {"pay_type": bill.pay_type, "billed_on": None}
    paid = Q(settle_date=bill.day) | Q(settle_date=None, paid_at__gte=begin, paid_at__lt=end)
    done = Q(settle_date=bill.day) | Q(settle_date=None, done_at__gte=begin, done_at__lt=end)
    near = (begin - 2 * DAY, end + DAY)  # for the index
    orders = PaymentOrder.objects.filter(
        paid, status=OrderStatus.CONFIRMED, paid_at__range=near, **of
    )
    refunds = ChannelRefund.objects.filter(
        done, status=RefundStatus.DONE, done_at__range=near, **of
    )
    return orders, refunds


def _sum(rows: Rows) -> Side:
    orders, refunds = rows
    return Side(total(orders, "amount"), total(refunds, "amount"))
