"""A day that is compared more than once: again, beside another comparison, beside its neighbour."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model

from kit import lease, pause
from kit.refusals import Conflict
from payments import (
    apart,
    bill_days,
    bills,
    book,
    confirm,
    reconcile,
)
from payments.channels.base import Payment
from payments.models import Apart, Bill, Case, PaymentOrder
from payments.states import CaseKind, OrderStatus, PayType
from payments.tests import test_reconcile as tr
from payments.tests.test_bill_days import DAY, NEXT, NOON, at, cases, compare, ordered, paid, row
from payments.tests.test_bill_days import wechat as wechat
from testing.forks import in_the_midst


def test_nothing_is_called_missing_of_a_day_that_is_compared_once_more(wechat):
    """The channel had written a part of it."""
    order = paid(PayType.WECHAT, "T1", "10.00", NOON)
    early = bills.usual(DAY) - timedelta(hours=12)
    reconcile.reconcile(pay_type=PayType.WECHAT, day=DAY, content=tr.wechat([]), now=early)
    assert cases() == []

    compare(PayType.WECHAT, DAY)

    assert cases() == [(CaseKind.BILL_SHORTFALL, "T1")]
    assert order.billed_on is None


@pytest.mark.parametrize(
    ("at_first", "kind"), [("", CaseKind.BILL_SURPLUS), ("0.01", CaseKind.BILL_AMOUNT)]
)
def test_confirmed_after_its_bill_had_named_it_is_not_missing(wechat, at_first, kind):
    """It was a difference then, which was true, and finance has that case."""
    order = ordered(PayType.WECHAT, "10.00", NOON)
    payment = Payment(PayType.WECHAT, order.order_no, "T1", order.amount, NOON)
    if at_first:  # a word that is not true goes to suspense
        confirm.confirm(payment=replace(payment, amount=Decimal(at_first)), now=NOON)
    local = NOON.astimezone(bills.ZONE)
    compare(PayType.WECHAT, DAY, tr.Row(order.order_no, "T1", "10.00", local))
    assert [case for case in cases() if case[0] in reconcile.BILL_KINDS] == [(kind, "T1")]

    late = bills.usual(DAY) + timedelta(hours=1)
    confirm.confirm(payment=payment, now=late, is_asked=True)
    compare(PayType.WECHAT, NEXT)

    order.refresh_from_db()
    assert order.status == OrderStatus.CONFIRMED
    assert [case for case in cases() if case[0] in reconcile.BILL_KINDS] == [(kind, "T1")]


def test_booked_by_its_bill_long_after_is_not_missing_on_that_day(wechat):
    """The bill's row says no more than its day: the order is paid when somebody booked it."""
    order = ordered(PayType.WECHAT, "10.00", NOON)
    PaymentOrder.objects.filter(pk=order.pk).update(status=OrderStatus.CLOSED, open_key=None)
    local = NOON.astimezone(bills.ZONE)
    compare(PayType.WECHAT, DAY, tr.Row(order.order_no, "T1", "10.00", local))
    surplus = Case.objects.get(kind=CaseKind.BILL_SURPLUS)
    staff = get_user_model().objects.create_user("one", is_staff=True).pk
    much_later = bills.usual(DAY) + timedelta(days=20)

    assert book.book(case_id=surplus.pk, staff_id=staff, reason="the bill says so", now=much_later)
    on_that_day = bills.day_of(PayType.WECHAT, much_later)
    compare(PayType.WECHAT, on_that_day)
    compare(PayType.WECHAT, on_that_day + timedelta(days=1))

    assert not Case.objects.filter(kind=CaseKind.BILL_SHORTFALL).exists()


def killed_while_it_is_compared_again(monkeypatch, order: PaymentOrder) -> None:
    """What its bill had named is forgotten, and half of it not said again; then the next day's
    bill is compared, long after."""
    compare(PayType.WECHAT, DAY, row(order))
    with monkeypatch.context() as patched:
        patched.setattr(lease.Lease, "end", lambda held: True)  # nobody is left to end it
        with pytest.raises(Killed), pause.at("reconcile: is about to judge a page", dies):
            compare(PayType.WECHAT, DAY, row(order))
    compare(PayType.WECHAT, NEXT)


def test_a_comparison_that_was_killed_calls_nothing_missing(wechat, monkeypatch):
    order = paid(PayType.WECHAT, "T1", "10.00", NOON)
    wechat.bill = lambda day: tr.wechat([row(order, NOON)] if day == DAY else [])

    killed_while_it_is_compared_again(monkeypatch, order)

    assert cases() == []
    assert bill_days.is_due(PayType.WECHAT, bills.usual(NEXT))
    bill_days.walk(pay_type=PayType.WECHAT, now=bills.usual(NEXT))
    assert cases() == []
    order.refresh_from_db()
    assert order.billed_on == DAY


def test_a_comparison_that_was_killed_calls_nothing_missing_without_the_guard(wechat, monkeypatch):
    order = paid(PayType.WECHAT, "T1", "10.00", NOON)
    monkeypatch.setattr(reconcile, "is_begun", lambda bill, now: False)

    killed_while_it_is_compared_again(monkeypatch, order)

    assert cases() == [(CaseKind.BILL_SHORTFALL, "T1")], "though its bill names it"


def without_a_lease(monkeypatch) -> None:
    def careless(due, key, **_):
        return lease.Lease(Bill.objects.filter(pk=key))

    monkeypatch.setattr(reconcile.lease, "take", careless)


class Killed(BaseException):
    pass


def dies() -> None:
    raise Killed


def another_begins_before_the_first_closes(order: PaymentOrder) -> list:
    """Somebody fetches the same day, forgets what the bill had named, and is killed."""
    heard: list = []

    def another():
        try:
            with pause.at("reconcile: is about to judge a page", dies, is_sure=False):
                reconcile.reconcile(
                    pay_type=PayType.WECHAT, day=DAY, content=tr.wechat([]), now=bills.usual(DAY)
                )
        except (Conflict, Killed) as error:
            heard.append(type(error))

    with pause.at("reconcile: is about to close", another):
        compare(PayType.WECHAT, DAY, row(order))
    return heard


def test_two_comparisons_of_a_day(wechat, monkeypatch):
    order = paid(PayType.WECHAT, "T1", "10.00", NOON)

    heard = another_begins_before_the_first_closes(order)

    assert heard == [reconcile.BeingCompared]
    assert cases() == []


@pytest.mark.broken_books
def test_two_comparisons_of_a_day_without_the_guard(wechat, monkeypatch):
    order = paid(PayType.WECHAT, "T1", "10.00", NOON)
    without_a_lease(monkeypatch)

    heard = another_begins_before_the_first_closes(order)

    assert heard == [Killed]
    assert cases() == [(CaseKind.BILL_SHORTFALL, "T1")], "though the bill names it"


def compare_while_the_lease_runs_out() -> None:
    """It stands still for an hour; meanwhile another one compares the right bill."""

    def another():
        content = tr.wechat([tr.Row("x", "T1", "1.00"), tr.Row("x", "T2", "1.00")])
        later = bills.usual(DAY) + timedelta(hours=1)
        reconcile.reconcile(pay_type=PayType.WECHAT, day=DAY, content=content, now=later)

    with pause.at("reconcile: is about to judge a page", another):
        compare(PayType.WECHAT, DAY, tr.Row("x", "T1", "1.00"))


def test_who_lost_the_day_writes_nothing(wechat):
    with pytest.raises(reconcile.BeingCompared):
        compare_while_the_lease_runs_out()

    assert Bill.objects.get().rows == 2


@pytest.mark.broken_books
def test_who_lost_the_day_writes_nothing_without_the_guard(wechat, monkeypatch):
    without_a_lease(monkeypatch)

    compare_while_the_lease_runs_out()

    assert Bill.objects.get().rows == 1, "the late one undid what the right bill said"


def forgotten_after_the_lease_ran_out(order: PaymentOrder) -> None:
    """It stands still before it has begun; meanwhile another one compares the day and closes."""

    def another():
        later = bills.usual(DAY) + timedelta(hours=1)
        content = tr.wechat([row(order, NOON), tr.Row("x", "T2", "1.00", NOON)])
        reconcile.reconcile(pay_type=PayType.WECHAT, day=DAY, content=content, now=later)

    with (
        pytest.raises(reconcile.BeingCompared),
        pause.at("reconcile: is about to forget", another),
    ):
        compare(PayType.WECHAT, DAY, row(order))


def test_who_lost_the_day_forgets_nothing(wechat):
    order = paid(PayType.WECHAT, "T1", "10.00", NOON)

    forgotten_after_the_lease_ran_out(order)

    order.refresh_from_db()
    assert order.billed_on == DAY
    assert [each.number for each in Apart.objects.all()] == ["T2"]


def test_who_lost_the_day_forgets_nothing_without_the_guard(wechat, monkeypatch):
    order = paid(PayType.WECHAT, "T1", "10.00", NOON)
    monkeypatch.setattr(reconcile, "begin", lambda bill, held: apart.forget(bill))

    forgotten_after_the_lease_ran_out(order)

    order.refresh_from_db()
    assert order.billed_on is None, "though its bill names it, and nothing is left to compare"
    assert not Apart.objects.exists()


def close_beside_the_next_day(*, at_once: bool) -> None:
    """It closes after this day's closing has looked around. `at_once`: it does not have to wait for
    ours."""
    in_the_midst(
        "reconcile: looks for what is missing",
        lambda: compare(PayType.WECHAT, NEXT),
        lambda: compare(PayType.WECHAT, DAY),
        at_once=at_once,
    )


def test_two_neighbours_that_close_at_once(wechat, on_mariadb):
    """Whoever is second looks for the stragglers between the two days."""
    paid(PayType.WECHAT, "T1", "10.00", at("2026-03-01 23:59:59"))
    Bill.objects.create(pay_type=PayType.WECHAT, day=NEXT)

    close_beside_the_next_day(at_once=False)

    assert cases() == [(CaseKind.BILL_SHORTFALL, "T1")]


def test_two_neighbours_that_close_at_once_without_the_guard(wechat, monkeypatch, on_mariadb):
    paid(PayType.WECHAT, "T1", "10.00", at("2026-03-01 23:59:59"))
    Bill.objects.create(pay_type=PayType.WECHAT, day=NEXT)
    monkeypatch.setattr(reconcile, "hold", lambda model, key: True)

    close_beside_the_next_day(at_once=True)

    assert cases() == [], "each saw the other still open, and nobody looked"
