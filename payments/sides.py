"""Both sides of a bill's day: what the channel says, and what our books say of it."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from django.db.models import Case as Switch
from django.db.models import F, OuterRef, Q, QuerySet, Subquery, When
from django.db.models.functions import Coalesce

from kit.money import ZERO, MoneyField, total
from payments import bills
from payments.models import Apart, Bill, ChannelRefund, PaymentOrder
from payments.states import IN_VAIN, OrderStatus, PayType, RefundStatus

DAY = timedelta(days=1)
IS_BOOKED = ~Q(their_no="")  # by a bill's word: none of ours where that came to nothing


@dataclass(frozen=True, slots=True)
class Side:
    """What was paid and what went back."""

    paid: Decimal
    refunded: Decimal

    @classmethod
    def nothing(cls) -> "Side":
        return cls(ZERO, ZERO)

    @property
    def net(self) -> Decimal:
        return self.paid - self.refunded

    def __add__(self, other: "Side") -> "Side":
        return Side(self.paid + other.paid, self.refunded + other.refunded)

    def __sub__(self, other: "Side") -> "Side":
        return Side(self.paid - other.paid, self.refunded - other.refunded)


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
    refunds = ChannelRefund.objects.filter(**of).exclude(IS_BOOKED, status__in=IN_VAIN)
    return PaymentOrder.objects.filter(**of), refunds


def apart(bill: Bill) -> Side:
    """What the bill says beyond what of ours it names."""
    rows = apart_rows(bill)
    paid, refunded = rows.filter(is_refund=False), rows.filter(is_refund=True)
    return Side(*(total(each, "amount") - total(each, "known") for each in (paid, refunded)))


def apart_rows(bill: Bill) -> QuerySet[Apart]:
    """Each with what of ours it stands for by now, `known`: a refund may have been booked since by
    this row's word (book_refund.py)."""
    booked = ChannelRefund.objects.filter(
        IS_BOOKED,
        pay_type=bill.pay_type,
        billed_on=bill.day,
        their_no=OuterRef("number"),
    ).exclude(status__in=IN_VAIN)
    amount = Subquery(booked.values("amount")[:1], output_field=MoneyField())
    known = Switch(When(is_refund=True, then=Coalesce(amount, F("ours"))), default=F("ours"))
    return Apart.objects.filter(bill=bill).annotate(known=known).exclude(amount=F("known"))


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
