"""Two words about one payment at the same moment, and a refund that is approved meanwhile; each
guard with its twin."""

import pytest
from django.db import connection
from django.utils import timezone

from kit import pause
from payments import channel_refund, confirm, suspended
from payments.models import Case, ChannelRefund, PaymentOrder
from payments.states import CaseStatus, NoticeOutcome, OrderStatus, RefundStatus
from payments.tests import test_confirm as story
from testing.forks import in_threads
from tests.races.test_case_money import once_before


def word(alipay, order: PaymentOrder, amount: str, **asked) -> NoticeOutcome:
    payment = alipay.pay(order, amount=amount)
    return confirm.confirm(payment=payment, now=timezone.now(), **asked)


def word_without_waiting(alipay, order: PaymentOrder, amount: str) -> NoticeOutcome:
    """When a row that it wants is somebody else's, 1205 at once."""
    with connection.cursor() as cursor:
        cursor.execute(connection.lock_wait(0))
    return word(alipay, order, amount)


def wrong_while_right(alipay, order) -> list[NoticeOutcome]:
    """The right word has looked at the books, and not posted yet, when the wrong one comes."""
    heard: list = []

    def wrong_meanwhile():
        heard[:] = in_threads([lambda: word_without_waiting(alipay, order, "1.99")])

    with pause.at("confirm: has looked into the books", wrong_meanwhile):
        assert word(alipay, order, "2.00") is NoticeOutcome.CONFIRMED
    return heard


def test_many_words_at_once_book_one_payment(alipay, order):
    amounts = ["1.99", "2.00", "2.01"] * 3

    in_threads([lambda a=a: word(alipay, order, a) for a in amounts])
    word(alipay, order, "2.00", is_asked=True)

    assert story.books(order) == ("2.00", "0.00", "2.00")
    assert story.status(order) == OrderStatus.CONFIRMED


@pytest.mark.broken_books
def test_a_wrong_and_a_right_word_at_once_without_the_guard(on_mariadb, monkeypatch, alipay, order):
    """Nobody takes turns on the payment: each looks before the other has committed."""
    monkeypatch.setattr(suspended, "hold", lambda payment: None)

    heard = wrong_while_right(alipay, order)

    assert heard == [NoticeOutcome.SUSPENSE]
    assert story.books(order) == ("2.00", "1.99", "3.99"), "one payment, twice"


def test_a_wrong_and_a_right_word_at_once(on_mariadb, monkeypatch, alipay, order):
    """The wrong one waits for the row of the payment, and in vain: we do not go on before it."""

    heard = wrong_while_right(alipay, order)

    assert [type(error).__name__ for error in heard] == ["OperationalError"]
    assert story.books(order) == ("2.00", "0.00", "2.00")
    assert word(alipay, order, "1.99") is NoticeOutcome.DUPLICATE


# --- the refund of what was told wrongly is approved while the right word comes


def approve_while_right(monkeypatch, alipay, order, checker) -> list:
    """The right word has seen that all is still there; then the refund is approved."""
    word(alipay, order, "1.50")
    refund = ChannelRefund.objects.get()
    decided: list = []

    def approving():
        wanted = {"refund_no": refund.refund_no, "checker_id": checker, "now": timezone.now()}
        decided.extend(in_threads([lambda: channel_refund.approve(**wanted)]))

    once_before(monkeypatch, suspended, "take_out", approving)
    return decided


def test_the_refund_that_is_approved_first_is_not_booked_again(
    on_mariadb, monkeypatch, alipay, order, checker
):
    decided = approve_while_right(monkeypatch, alipay, order, checker)

    assert word(alipay, order, "2.00", is_asked=True) is NoticeOutcome.SUSPENSE

    assert decided == [True]
    assert story.books(order) == ("0.00", "0.50", "0.50")
    assert story.status(order) == OrderStatus.REPORTED


@pytest.mark.broken_books
def test_the_refund_that_is_approved_first_is_not_booked_again_without_the_guard(
    on_mariadb, monkeypatch, alipay, order, checker
):
    """What is taken out is what was read, whether its case still holds it or not."""
    decided = approve_while_right(monkeypatch, alipay, order, checker)
    as_read = Case.objects.get()
    monkeypatch.setattr(suspended, "holding", lambda payment: [as_read])
    monkeypatch.setattr("wallets.ledger.by_its_case", lambda *args: None)

    assert word(alipay, order, "2.00", is_asked=True) is NoticeOutcome.CONFIRMED

    assert decided == [True]
    assert story.books(order) == ("2.00", "-1.50", "0.50"), "paid, and on its way back"


def test_the_right_word_comes_first_and_nothing_can_be_approved(
    on_mariadb, monkeypatch, alipay, order, checker
):
    word(alipay, order, "1.50")
    refund = ChannelRefund.objects.get()
    wanted = {"refund_no": refund.refund_no, "checker_id": checker, "now": timezone.now()}
    right = [lambda: word(alipay, order, "2.00", is_asked=True)]

    with pause.at("refund: is about to be decided", lambda: in_threads(right)):
        assert channel_refund.approve(**wanted) is False

    refund.refresh_from_db()
    assert (refund.status, refund.checker) == (RefundStatus.WITHDRAWN, None)
    assert story.books(order) == ("2.00", "0.00", "2.00")
    assert Case.objects.get().status == CaseStatus.RESOLVED
