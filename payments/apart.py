"""All of a bill: what it names of ours, and what of it stands apart from our books (models.Apart).

A row is not kept, unless it is apart; so whatever changes what a bill names says so here, and both
together are the bill's own sums (bill_audit.py: bills_are_what_they_name).
"""

from collections.abc import Sequence
from typing import Any

from django.db import models

from payments.models import Apart, Bill, ChannelRefund, PaymentOrder

MARKED: tuple[type[models.Model], ...] = (PaymentOrder, ChannelRefund)


def forget(bill: Bill) -> None:
    """What this bill named, when it is compared again; then what was apart in it: what a neighbour
    takes from it between the two is apart in the new comparison, and not twice. Until that is
    closed nothing is told of it."""
    Bill.objects.filter(pk=bill.pk).update(apart_at=None)
    for model in MARKED:
        named = model._default_manager.filter(pay_type=bill.pay_type, billed_on=bill.day)
        named.update(billed_on=None)
    bill.apart.all().delete()


def mark(bill: Bill, *, orders: Sequence[int], refunds: Sequence[int]) -> None:
    """This bill names these of ours. What another one has named, as a refund before it was done, is
    this one's from now on, and apart in that: whoever's UPDATE takes it from there says so.

    Races: two bills that name one order at once: the WHERE lets the first have it unsaid, and the
           other one takes it from there.
    """
    for model, keys in zip(MARKED, (orders, refunds), strict=True):
        rows: models.QuerySet[Any] = model._default_manager.filter(pk__in=keys)
        rows.filter(billed_on=None).update(billed_on=bill.day)
        while row := rows.exclude(billed_on=bill.day).first():
            taken = rows.filter(pk=row.pk, billed_on=row.billed_on).update(billed_on=bill.day)
            if taken and row.billed_on and not _has_its_row(row):
                keep(Bill.objects.get(pay_type=bill.pay_type, day=row.billed_on), [_left(row)])


def keep(bill: Bill, rows: Sequence[Apart]) -> None:
    for row in rows:
        row.bill = bill
    Apart.objects.bulk_create(rows)


def _has_its_row(row: PaymentOrder | ChannelRefund) -> bool:
    """A refund that was booked by a bill's word: its row was apart before, and is so again."""
    return isinstance(row, ChannelRefund) and bool(row.their_no)


def _left(row: PaymentOrder | ChannelRefund) -> Apart:
    is_refund = isinstance(row, ChannelRefund)
    number = row.refund_no if isinstance(row, ChannelRefund) else row.trade_no
    return Apart(number=number, order_no=row.order_no, is_refund=is_refund, amount=row.amount)
