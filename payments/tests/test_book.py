"""A payment that only the bill knows of: finance books it into suspense, once."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model

from kit.refusals import Invalid
from payments import bills, book, cases, confirm, order, reconcile, suspended
from payments.channels.base import Payment
from payments.models import Case, ChannelRefund, PaymentOrder
from payments.states import CaseKind, CaseStatus, NoticeOutcome, OrderStatus, PayType
from payments.tests import test_reconcile as tr
from payments.tests.conftest import offer, take_back
from testing.forks import in_the_midst
from testing.make import make_topup
from wallets.credit import credit
from wallets.models import LedgerLine, Wallet
from wallets.states import LineKind

NOON = tr.NOON
LATER = NOON + timedelta(days=2)


@pytest.fixture
def wechat(monkeypatch):
    return offer(monkeypatch, PayType.WECHAT)[PayType.WECHAT]


def unpaid(*, ended: OrderStatus | None = OrderStatus.CLOSED) -> PaymentOrder:
    """A top-up of 50.00 that ended here, or is still open."""
    made = make_topup(pay_type=PayType.WECHAT, now=NOON)
    if ended:
        order.end(order_id=made.pk, to=ended, now=NOON)
    return PaymentOrder.objects.get(pk=made.pk)


def surplus(order_no: str, amount: str = "50.00") -> Case:
    """The bill names a payment that our books do not know of."""
    content = tr.wechat([tr.Row(order_no, "W1", amount)])
    reconcile.reconcile(
        pay_type=PayType.WECHAT, day=tr.DAY, content=content, now=bills.usual(tr.DAY)
    )
    return Case.objects.get(kind=CaseKind.BILL_SURPLUS)


def booked(case: Case) -> bool:
    staff, _ = get_user_model().objects.get_or_create(username="maker")
    return book.book(case_id=case.pk, staff_id=staff.pk, reason="in the bill", now=LATER)


def notified(order_no: str, amount: str = "50.00") -> NoticeOutcome:
    payment = Payment(PayType.WECHAT, order_no, "W1", Decimal(amount), NOON)
    return confirm.confirm(payment=payment, now=LATER)


def lines() -> list[tuple]:
    rows = LedgerLine.objects.order_by("pk")
    return [(row.kind, row.reference, row.target, str(row.amount)) for row in rows]


SUSPENDED = (LineKind.SUSPENSE, "wechat:W1", "suspense", "50.00")


@pytest.mark.parametrize("ended", [OrderStatus.CLOSED, OrderStatus.FAILED])
def test_a_payment_to_an_order_that_ended(wechat, ended):
    mine = unpaid(ended=ended)
    case = surplus(mine.order_no)

    assert booked(case) is True

    assert lines() == [SUSPENDED]
    case.refresh_from_db()
    assert (case.status, case.resolution) == (CaseStatus.RESOLVED, "in the bill")
    late = Case.objects.get(kind=CaseKind.LATE_PAYMENT)
    assert (late.status, late.held, late.order_no) == (
        CaseStatus.OPEN,
        Decimal("50.00"),
        mine.order_no,
    )
    refund = ChannelRefund.objects.get()
    assert (refund.case, refund.amount, refund.maker) == (late, Decimal("50.00"), None)
    assert not Wallet.objects.exists()

    assert booked(case) is False
    assert notified(mine.order_no) == NoticeOutcome.DUPLICATE
    assert lines() == [SUSPENDED]


def test_a_payment_to_an_order_that_is_not_ours(wechat):
    case = surplus("hbstranger")

    assert booked(case) is True

    assert lines() == [SUSPENDED]
    assert Case.objects.filter(kind=CaseKind.UNKNOWN_ORDER, held=Decimal("50.00")).exists()
    assert notified("hbstranger") == NoticeOutcome.DUPLICATE


def test_a_case_that_an_adjustment_gave_money_to_is_not_closed_over_it(wechat):
    """Found by a random history: it was an IntegrityError."""
    case = surplus(unpaid().order_no)
    credit(user_id="bob", amount=Decimal("50.00"), reason="by mistake", now=NOON)
    take_back(case, "20.00")

    with pytest.raises(cases.StillHeld):
        booked(case)

    case.refresh_from_db()
    assert (case.status, case.held) == (CaseStatus.OPEN, Decimal("20.00"))
    assert not LedgerLine.objects.filter(kind=LineKind.SUSPENSE).exists()


def test_the_next_comparison_finds_it_in_our_books(wechat):
    case = surplus(unpaid().order_no)
    booked(case)

    content = tr.wechat([tr.Row("x", "W1", "50.00")])
    again = reconcile.reconcile(pay_type=PayType.WECHAT, day=tr.DAY, content=content, now=LATER)

    assert (again.matched, again.count) == (1, 0)


def test_an_order_that_is_still_open_is_asked_about(wechat):
    case = surplus(unpaid(ended=None).order_no)

    with pytest.raises(book.StillPayable):
        booked(case)

    case.refresh_from_db()
    assert (case.status, lines()) == (CaseStatus.OPEN, [])


def test_what_was_notified_meanwhile_is_only_resolved(wechat):
    mine = unpaid()
    case = surplus(mine.order_no)
    assert notified(mine.order_no) == NoticeOutcome.CONFIRMED

    assert booked(case) is True

    assert [kind for kind, *_ in lines()] == [LineKind.TOPUP]
    case.refresh_from_db()
    assert case.status == CaseStatus.RESOLVED


def test_only_payments_are_booked(wechat):
    content = tr.wechat([tr.Row("o", "W1", "5.00", refund_no="R1")])
    reconcile.reconcile(
        pay_type=PayType.WECHAT, day=tr.DAY, content=content, now=bills.usual(tr.DAY)
    )

    with pytest.raises(Invalid):
        booked(Case.objects.get())
    assert lines() == []


# --- a notification of the same payment, which the bill tells with another amount


def test_booked_with_another_amount_and_notified_then(wechat):
    mine = unpaid()
    booked(surplus(mine.order_no, "40.00"))

    assert notified(mine.order_no) == NoticeOutcome.DOUBTED

    assert [kind for kind, *_ in lines()] == [LineKind.SUSPENSE]


@pytest.mark.broken_books
def test_booked_with_another_amount_and_notified_then_without_the_guard(wechat, monkeypatch):
    mine = unpaid()
    booked(surplus(mine.order_no, "40.00"))
    monkeypatch.setattr(confirm, "in_suspense", lambda payment: None)

    assert notified(mine.order_no) == NoticeOutcome.CONFIRMED

    assert [kind for kind, *_ in lines()] == [LineKind.SUSPENSE, LineKind.TOPUP], (
        "one payment, twice"
    )


def book_while_it_is_notified(case: Case, order_no: str, *, at_once: bool) -> None:
    """A notification arrives when booking has looked at the order and not posted yet."""
    in_the_midst(
        "confirm: is about to suspend it",
        lambda: notified(order_no),
        lambda: booked(case),
        at_once=at_once,
    )


def test_booked_and_notified_at_once(wechat, on_mariadb):
    mine = unpaid()
    case = surplus(mine.order_no, "40.00")

    book_while_it_is_notified(case, mine.order_no, at_once=False)

    assert [kind for kind, *_ in lines()] == [LineKind.SUSPENSE]


@pytest.mark.broken_books
def test_booked_and_notified_at_once_without_the_guard(wechat, monkeypatch, on_mariadb):
    mine = unpaid()
    case = surplus(mine.order_no, "40.00")
    monkeypatch.setattr(suspended, "hold", lambda payment: None)

    book_while_it_is_notified(case, mine.order_no, at_once=True)

    assert [kind for kind, *_ in lines()] == [LineKind.TOPUP, LineKind.SUSPENSE], (
        "one payment, twice"
    )
