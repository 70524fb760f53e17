"""Paid at the channel and given back there, and our books know nothing of it."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.utils import timezone

from packets.models import RedPacket
from packets.states import Kind
from payments import ask, chase
from payments.channels.base import Answer, Payment, State
from payments.models import Case, ChannelRefund
from payments.order import end
from payments.states import CaseKind, OrderStatus, PayType, RefundStatus
from payments.tests.test_confirm import told
from testing.make import make_reported_packet
from wallets.models import LedgerLine

NOW = timezone.now


@pytest.fixture
def order(alipay):
    return make_reported_packet(Kind.EQUAL, 2, "1.00")[1]


def given_back(alipay, order, monkeypatch, *, trade_no: str = "T1") -> None:
    """By the merchant's own pages at the channel."""
    paid = trade_no and Payment(PayType.ALIPAY, order.order_no, trade_no, order.amount)
    answer = Answer(State.REFUNDED, says="TRADE_CLOSED", was_paid=paid or None)
    monkeypatch.setattr(alipay, "query", lambda order: answer)


def the_case() -> tuple:
    case = Case.objects.get(kind=CaseKind.GIVEN_BACK)
    return case.reference, case.trade_no, case.amount, case.held


@pytest.mark.parametrize("trade_no", ["T1", ""])
def test_the_order_ends_and_a_case_says_so(alipay, order, monkeypatch, trade_no):
    given_back(alipay, order, monkeypatch, trade_no=trade_no)

    assert chase.chase(order_id=order.pk, now=NOW(), at_once=True) is State.REFUNDED

    order.refresh_from_db()
    assert order.status == OrderStatus.UNPAID
    assert RedPacket.objects.get().voided_at is not None
    about = "trade:alipay:T1" if trade_no else order.order_no
    assert the_case() == (about, trade_no, Decimal("2.00"), 0)
    assert Case.objects.get().order_no == order.order_no
    assert not LedgerLine.objects.exists()


def test_asked_again_it_is_one_case(alipay, order, monkeypatch):
    end(order_id=order.pk, to=OrderStatus.UNPAID, now=NOW())
    given_back(alipay, order, monkeypatch)

    assert [ask.ask(order_id=order.pk, now=NOW()) for _ in range(2)] == [State.REFUNDED] * 2

    assert the_case() == ("trade:alipay:T1", "T1", Decimal("2.00"), 0)


@pytest.mark.parametrize("status", [RefundStatus.PROPOSED, RefundStatus.SENT, RefundStatus.DONE])
def test_a_refund_of_ours_is_no_surprise(alipay, order, monkeypatch, status):
    """Told of another amount, it is in suspense; only once that was sent it is ours."""
    told(order, "1.99")
    checker = get_user_model().objects.create(username="checker")
    if status != RefundStatus.PROPOSED:
        ChannelRefund.objects.update(status=status, checker=checker, decided_at=NOW())
    given_back(alipay, order, monkeypatch)
    later = NOW() + timedelta(seconds=settings.REDPACKET_VOID_S)

    chase.chase(order_id=order.pk, now=later, at_once=True)

    is_told = Case.objects.filter(kind=CaseKind.GIVEN_BACK).exists()
    assert is_told == (status == RefundStatus.PROPOSED)
    ChannelRefund.objects.update(status=RefundStatus.PROPOSED, checker=None, decided_at=None)
