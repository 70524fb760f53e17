"""What stands in suspense for a payment, and how it goes back out."""

from dataclasses import replace
from decimal import Decimal

import pytest
from django.utils import timezone

from kit import retry
from payments import confirm, suspended
from payments.models import Case, ChannelRefund
from payments.states import CaseStatus, PayType, RefundStatus
from payments.tests.test_confirm import books, order  # noqa: F401 - a fixture
from testing.make import yuan

NOW = timezone.now


@pytest.fixture
def payment(alipay, order):  # noqa: F811
    """Of 1.50 for an order of 2.00: in suspense, its refund proposed."""
    wrong = replace(alipay.pay(order), amount=yuan("1.50"))
    confirm.confirm(payment=wrong, now=NOW())
    return wrong


def test_what_stands_there_is_told_by_payment(payment):
    amounts = suspended.amounts(PayType.ALIPAY, [payment.trade_no, "T-another"])

    assert amounts == {payment.trade_no: Decimal("1.50")}
    assert suspended.is_whole(payment, yuan("1.50"))
    assert not suspended.is_whole(payment, yuan("2.00"))


def test_it_comes_under_a_number_of_its_own_each_time(payment):
    assert suspended.reference(payment) == f"alipay:{payment.trade_no}/2"
    assert suspended.reference(replace(payment, trade_no="T-new")) == "alipay:T-new"


@retry.unit
def take_out(payment) -> None:
    trade = suspended.hold(payment)
    suspended.take_out(payment, trade, yuan("1.50"), says="never so", now=NOW())


@pytest.mark.broken_books  # and nobody books it anew
def test_it_goes_back_out_whole_with_its_case_and_its_refund(payment, order):  # noqa: F811
    assert books(order) == ("0.00", "1.50", "1.50")

    take_out(payment)

    assert books(order) == ("0.00", "0.00", "0.00")
    assert Case.objects.get().status == CaseStatus.RESOLVED
    assert ChannelRefund.objects.get().status == RefundStatus.WITHDRAWN
    assert suspended.amounts(PayType.ALIPAY, [payment.trade_no]) == {}
