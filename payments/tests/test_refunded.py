"""What goes back of one payment never comes to more than it."""

from decimal import Decimal

import pytest

from kit import retry
from payments import channel_refund, refunded
from payments.models import Trade
from payments.states import PayType
from payments.tests.test_cases import NOW, checker, maker, part, topped_up  # noqa: F401 - fixtures
from testing.make import yuan

PAID = {"pay_type": PayType.ALIPAY, "trade_no": "T9", "paid": Decimal("10.00")}


@retry.unit
def reserve(amount: str) -> None:
    refunded.reserve(amount=yuan(amount), **PAID)


@pytest.mark.broken_books  # set aside for refunds that nobody has proposed
def test_it_is_set_aside_to_the_last_fen():
    reserve("9.99")
    with pytest.raises(refunded.NothingLeft):
        reserve("0.02")
    reserve("0.01")

    assert Trade.objects.get().refunded == 10
    with pytest.raises(refunded.NothingLeft):
        reserve("0.01")


def test_the_rest_is_what_is_not_under_way(alipay, maker, checker):  # noqa: F811
    order = topped_up(alipay)
    about = {"pay_type": PayType.ALIPAY, "trade_no": order.trade_no, "paid": order.amount}
    first = part("30.00", maker, order_no=order.order_no)
    part("5.00", maker, order_no=order.order_no)
    assert refunded.rest(**about) == 15

    channel_refund.reject(refund_no=first.refund_no, checker_id=checker, now=NOW())

    assert refunded.rest(**about) == 45
    assert Trade.objects.get().refunded == 5
