"""Refunding by four eyes: proposed within what was paid, decided once, by somebody else."""

import pytest
from django.utils import timezone

from kit.refusals import Forbidden, Invalid
from payments import channel_refund, refunded
from payments.models import ChannelRefund, PaymentOrder, Trade
from payments.states import RefundStatus
from payments.tests.test_cases import checker, maker, part, topped_up  # noqa: F401 - fixtures
from wallets.statement import balance


@pytest.fixture
def order(alipay) -> PaymentOrder:
    """A confirmed top-up of 50.00."""
    return topped_up(alipay)


def decided(verb, refund: ChannelRefund, by: int) -> bool:
    done = verb(refund_no=refund.refund_no, checker_id=by, now=timezone.now())
    refund.refresh_from_db()
    return done


@pytest.mark.parametrize("amount", ["0.00", "50.01"])
def test_only_what_was_paid_can_be_proposed(order, maker, amount):  # noqa: F811
    with pytest.raises(Invalid):
        part(amount, maker, order_no=order.order_no)

    assert not ChannelRefund.objects.exists()


def test_parts_come_to_no_more_than_the_whole(order, maker):  # noqa: F811
    part("49.99", maker, order_no=order.order_no)
    with pytest.raises(refunded.NothingLeft):
        part("0.02", maker, order_no=order.order_no)

    part("0.01", maker, order_no=order.order_no)

    assert Trade.objects.get().refunded == 50
    assert balance("bob").balance == 50, "nothing moves before it is approved"


def test_it_is_approved_once_and_not_by_its_maker(order, maker, checker):  # noqa: F811
    refund = part("20.00", maker, order_no=order.order_no)
    with pytest.raises(Forbidden):
        decided(channel_refund.approve, refund, maker)
    assert balance("bob").balance == 50

    assert decided(channel_refund.approve, refund, checker)
    assert not decided(channel_refund.approve, refund, checker)
    assert not decided(channel_refund.reject, refund, checker)

    assert (refund.status, refund.checker_id) == (RefundStatus.APPROVED, checker)
    assert balance("bob").balance == 30


def test_what_is_rejected_can_be_proposed_again(order, maker, checker):  # noqa: F811
    refund = part("50.00", maker, order_no=order.order_no)

    assert decided(channel_refund.reject, refund, checker)

    assert refund.status == RefundStatus.REJECTED
    assert Trade.objects.get().refunded == 0
    assert part("50.00", maker, order_no=order.order_no).status == RefundStatus.PROPOSED
