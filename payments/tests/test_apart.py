"""All of a bill is what it names of ours and what of it stands apart; the audit holds every test of
bills to it (bills_are_what_they_name)."""

from datetime import timedelta
from decimal import Decimal

import pytest

from payments import (
    apart,
    bills,
    book_refund,
    channel_refund,
    confirm,
    send_refund,
    sides,
)
from payments.channels.base import Payment, RefundState
from payments.judge import judge
from payments.models import Apart, Bill, Case, PaymentOrder
from payments.states import PayType
from payments.tests import test_bill_days as tb
from payments.tests import test_reconcile as tr
from payments.tests.test_bill_days import wechat as wechat
from payments.tests.test_conclude_refund import make_staff
from wallets.audit import audit

DAY, NEXT, NOON = tb.DAY, tb.NEXT, tb.NOON
RULE = "bills_are_what_they_name"


def row(trade_no: str, amount: str, refund_no: str = "", order_no: str = "x") -> tr.Row:
    return tr.Row(order_no, trade_no, amount, NOON, refund_no)


def told(bill: Bill) -> list[tuple[str, bool, str, str]]:
    """Number, refund, in the bill, in our books."""
    return [
        (each.number, each.is_refund, f"{each.amount:.2f}", f"{each.known:.2f}")
        for each in sides.apart_rows(bill).order_by("pk")
    ]


def findings() -> list[str]:
    return [finding.says for finding in audit() if finding.rule == RULE]


def test_what_is_not_ours_is_apart(wechat):
    """Another amount, a stranger's, one that comes again twice, money in suspense, a refund."""
    ours = tb.paid(PayType.WECHAT, "T1", "10.00", NOON)
    fits = tb.paid(PayType.WECHAT, "T2", "20.00", NOON)
    second = Payment(PayType.WECHAT, fits.order_no, "T3", Decimal("20.00"), NOON)
    confirm.confirm(payment=second, now=NOON)
    rows = [row("T1", "10.50"), *[row("T2", "20.00")] * 3, row("T3", "20.00"), row("T4", "7.00")]

    bill = tb.compare(PayType.WECHAT, DAY, *rows, row("T1", "3.00", "R1"))

    assert told(bill) == [
        ("T1", False, "10.50", str(ours.amount)),
        ("T3", False, "20.00", "0.00"),
        ("T4", False, "7.00", "0.00"),
        ("R1", True, "3.00", "0.00"),
        ("T2", False, "20.00", "0.00"),
        ("T2", False, "20.00", "0.00"),
    ]
    assert sides.theirs(bill) == sides.Side(Decimal("97.50"), Decimal("3.00"))
    assert sides.apart(bill) == sides.Side(Decimal("67.50"), Decimal("3.00"))
    assert sides.named(bill) == sides.Side(Decimal("30.00"), Decimal("0.00"))


def test_compared_again_it_is_told_once(wechat):
    tb.compare(PayType.WECHAT, DAY, row("T4", "7.00"), row("T5", "1.00"))

    bill = tb.compare(PayType.WECHAT, DAY, row("T4", "7.00"))

    assert told(bill) == [("T4", False, "7.00", "0.00")]


def test_what_a_later_bill_names_again_is_apart_in_the_first(wechat):
    wechat.refunds = RefundState.PENDING
    order = tb.paid(PayType.WECHAT, "T1", "10.00", NOON)
    refund = tb.refunded(order, "10.00", NOON)
    first = tb.compare(PayType.WECHAT, DAY, tb.row(order), tb.back(refund, NOON))
    assert told(first) == []
    wechat.refunds = RefundState.DONE
    send_refund.send(refund_id=refund.pk, now=NOON + timedelta(days=1))

    later = tb.compare(PayType.WECHAT, NEXT, tb.back(refund, NOON + timedelta(days=1)))

    assert told(first) == [(refund.refund_no, True, "10.00", "0.00")]
    assert told(later) == []
    again = tb.compare(PayType.WECHAT, DAY, tb.row(order), tb.back(refund, NOON))
    assert told(again) == [(refund.refund_no, True, "10.00", "0.00")]


def test_a_refund_that_is_booked_by_its_row_stands_for_it_until_it_is_rejected(wechat):
    order = tb.paid(PayType.WECHAT, "T1", "10.00", NOON)
    bill = tb.compare(PayType.WECHAT, DAY, tb.row(order), row("T1", "4.00", "C1"))
    given = {"case_id": Case.objects.get().pk, "reason": "x", "maker_id": make_staff("m")}
    later = bills.usual(DAY)

    refund = book_refund.propose(**given, now=later)

    assert (told(bill), str(sides.named(bill).refunded)) == ([], "4.00")
    bill = tb.compare(PayType.WECHAT, DAY, tb.row(order), row("T1", "4.00", "C1"))
    assert (told(bill), str(sides.named(bill).refunded)) == ([], "4.00")
    channel_refund.reject(refund_no=refund.refund_no, checker_id=make_staff("c"), now=later)
    assert told(bill) == [("C1", True, "4.00", "0.00")]
    assert str(sides.named(bill).refunded) == "0.00"


# --- two bills that name one order at once


def named_by_two(wechat) -> None:
    """Each judges it while no bill has named it yet; one marks it, then the other one."""
    order = tb.paid(PayType.WECHAT, "T1", "10.00", tb.at("2026-03-01 23:59:59"))
    days = [Bill.objects.create(pay_type=PayType.WECHAT, day=day) for day in (DAY, NEXT)]
    rows = [list(bills.Statement(PayType.WECHAT, tr.wechat([tb.row(order)]), b.day)) for b in days]
    judged = [judge(PayType.WECHAT, bill.day, of) for bill, of in zip(days, rows, strict=True)]
    for bill, found in zip(days, judged, strict=True):
        apart.mark(bill, orders=found.orders, refunds=found.refunds)
        apart.keep(bill, found.apart)
        now = bills.usual(bill.day)
        Bill.objects.filter(pk=bill.pk).update(
            state=1, rows=1, matched=1, total=order.amount, reconciled_at=now, apart_at=now
        )


def test_an_order_that_two_bills_name_at_once_is_apart_in_one(wechat):
    named_by_two(wechat)

    first, second = Bill.objects.order_by("day")
    assert (told(first), told(second)) == ([("T1", False, "10.00", "0.00")], [])
    assert PaymentOrder.objects.get().billed_on == NEXT
    assert findings() == []


@pytest.mark.broken_books
def test_an_order_that_two_bills_name_at_once_is_apart_in_one_without_the_guard(
    wechat, monkeypatch
):
    def blindly(bill, *, orders, refunds):
        PaymentOrder.objects.filter(pk__in=orders).update(billed_on=bill.day)

    monkeypatch.setattr(apart, "mark", blindly)

    named_by_two(wechat)

    assert findings() == ["10.00 and 0.00 back, its rows 0.00 and 0.00"]


@pytest.mark.broken_books
def test_the_audit_notices_a_row_that_is_gone(wechat):
    tb.compare(PayType.WECHAT, DAY, row("T4", "7.00"))
    Apart.objects.all().delete()

    assert findings() == ["7.00 and 0.00 back, its rows 0.00 and 0.00"]


def test_what_the_release_before_compared_last_is_not_held_to_it(wechat):
    bill = tb.compare(PayType.WECHAT, DAY, row("T4", "7.00"))
    Apart.objects.all().delete()
    Bill.objects.update(reconciled_at=bill.reconciled_at + timedelta(hours=1))

    bill.refresh_from_db()
    assert not bill.is_told_apart
    assert findings() == []
