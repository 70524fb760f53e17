"""Asking a channel about an order: what its answer does, and what silence does not."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from payments import chase
from payments.channels.base import State
from payments.models import PaymentOrder
from payments.states import OrderStatus
from testing.make import make_order, make_packet, make_reported_packet, make_topup

FIRST_S = settings.REDPACKET_CHASE_S


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


def test_what_nobody_reports_is_asked_about_before_its_time_is_over(alipay):
    """Its payer has paid, his app was ended, and the notification was lost."""
    order = make_topup()
    alipay.pay(order)

    assert ask(order) == (State.PAID, OrderStatus.CONFIRMED)

    assert "close" not in alipay.calls


def test_an_unreported_order_is_asked_ever_more_slowly_and_closed_at_its_time(alipay):
    order = make_topup()
    asked_at = []

    while order.chase_at < order.expire_time:
        asked_at.append((order.chase_at - order.add_time).total_seconds() / FIRST_S)
        assert ask(order) == (State.PENDING, OrderStatus.CREATED)

    assert asked_at == [4, 8, 16]
    assert (order.chase_at, order.chases) == (order.expire_time, 0)
    assert "close" not in alipay.calls


def test_what_is_over_is_asked_about_as_if_anew(alipay):
    order = make_topup()
    PaymentOrder.objects.filter(pk=order.pk).update(chase_at=order.expire_time)
    order.refresh_from_db()
    alipay.is_down = True

    ask(order)

    assert order.chase_at - order.expire_time == timedelta(seconds=FIRST_S)


@pytest.mark.parametrize("is_down", [True, False])
def test_silence_does_not_put_an_order_off_for_long(alipay, is_down):
    """Asked ten times in vain: an answer may make the pause long, a silent channel does not."""
    _, order = make_reported_packet()
    PaymentOrder.objects.filter(pk=order.pk).update(chases=10)
    order.refresh_from_db()
    alipay.is_down, asked_at = is_down, order.add_time

    assert chase.chase(order_id=order.pk, now=asked_at, at_once=True) is State.PENDING

    order.refresh_from_db()
    over = order.reported_at + timedelta(seconds=settings.REDPACKET_VOID_S)
    assert order.chase_at == (asked_at + chase.SILENCE_MAX if is_down else over)


def test_a_channel_that_is_silent_for_days_is_asked_four_times_a_day(alipay):
    _, order = make_reported_packet()
    order.refresh_from_db()
    late = order.reported_at + timedelta(days=3)
    PaymentOrder.objects.filter(pk=order.pk).update(chases=20, chase_at=late)
    order.refresh_from_db()
    alipay.is_down = True

    ask(order)

    assert order.chase_at - late == chase.LONG_PAUSE
