"""Asking a channel about an order: what its answer does, and what silence does not."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from payments import chase
from payments.channels.base import State
from payments.models import PaymentOrder
from payments.states import OrderStatus
from testing.make import make_order, make_packet, make_reported_packet


def ask(order: PaymentOrder, *, after_s: float = 0) -> tuple[State | None, OrderStatus]:
    """What the channel said at its time, and what the order is then."""
    state = chase.chase(order_id=order.pk, now=order.chase_at + timedelta(seconds=after_s))
    order.refresh_from_db()
    return state, OrderStatus(order.status)


def test_before_its_time_nobody_is_asked(alipay):
    order = make_order(make_packet())

    assert ask(order, after_s=-0.001) == (None, OrderStatus.CREATED)

    assert alipay.calls == []


def test_a_payment_that_was_not_told_is_confirmed(alipay):
    order = make_order(make_packet())
    alipay.pay(order)

    assert ask(order) == (State.PAID, OrderStatus.CONFIRMED)

    assert ask_again(order) is None


def ask_again(order: PaymentOrder) -> State | None:
    return chase.chase(order_id=order.pk, now=timezone.now() + timedelta(days=9))


def test_an_order_past_its_time_ends_by_the_channels_word(alipay):
    order = make_order(make_packet())

    assert ask(order) == (State.CLOSED, OrderStatus.CLOSED)

    assert "close" in alipay.calls


def test_a_channel_that_cannot_be_heard_ends_nothing(alipay):
    order = make_order(make_packet())
    alipay.is_down = True

    assert ask(order) == (State.PENDING, OrderStatus.CREATED)

    assert order.lease is None
    assert order.chase_at is not None


@pytest.mark.parametrize(
    ("after_s", "status"), [(-1, OrderStatus.REPORTED), (1, OrderStatus.UNPAID)]
)
def test_a_reported_one_is_given_up_after_long_silence_only(alipay, after_s, status):
    _, order = make_reported_packet()
    PaymentOrder.objects.filter(pk=order.pk).update(
        chase_at=order.add_time + timedelta(seconds=settings.REDPACKET_VOID_S)
    )
    order.refresh_from_db()
    silent_for_s = (order.chase_at - order.reported_at).total_seconds()

    ask(order, after_s=settings.REDPACKET_VOID_S - silent_for_s + after_s)

    assert order.status == status
