"""A word that says something else than our books: the channel is asked, and its answer counts."""

from dataclasses import replace

import pytest
from django.utils import timezone

from payments import doubt
from payments.channels.base import Payment
from payments.models import Case
from payments.states import CaseKind, NoticeOutcome, OrderStatus
from payments.tests.test_confirm import books, order, status, told  # noqa: F401 - a fixture
from testing.make import yuan


def heard(alipay, order, amount: str) -> Payment:  # noqa: F811
    """A notification with this amount."""
    return replace(alipay.pay(order), amount=yuan(amount))


def settle(payment: Payment) -> NoticeOutcome:
    return doubt.settle(payment=payment, now=timezone.now())


def test_the_answer_counts_and_not_what_was_told_first(alipay, order):  # noqa: F811
    told(order, "1.99")

    assert settle(heard(alipay, order, "2.00")) is NoticeOutcome.CONFIRMED

    assert books(order) == ("2.00", "0.00", "2.00")
    assert status(order) == OrderStatus.CONFIRMED


def test_a_word_that_the_answer_contradicts_is_a_case_and_moves_nothing(
    alipay,
    order,  # noqa: F811
):
    told(order, "1.99")
    wrong = heard(alipay, order, "1.50")
    alipay.pay(order, amount="1.99")

    assert settle(wrong) is NoticeOutcome.CONTRADICTED

    assert books(order) == ("0.00", "1.99", "1.99")
    assert Case.objects.filter(kind=CaseKind.CONTRADICTED).count() == 1


@pytest.mark.parametrize(
    ("amount", "outcome", "after"),
    [
        ("2.00", NoticeOutcome.CONFIRMED, ("2.00", "0.00", "2.00")),
        ("1.50", NoticeOutcome.DOUBTED, ("0.00", "1.99", "1.99")),
    ],
)
def test_without_an_answer_its_own_word_counts_where_it_fits(
    alipay,
    order,  # noqa: F811
    amount,
    outcome,
    after,
):
    told(order, "1.99")
    payment = heard(alipay, order, amount)
    alipay.is_down = True

    assert settle(payment) is outcome

    assert books(order) == after
