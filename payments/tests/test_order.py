"""How much, how many and how often a sender may report before the channel has spoken."""

from datetime import timedelta

import pytest
from django.utils import timezone

from kit.http.caller import Caller
from packets.models import RedPacket
from packets.states import Kind, PayStatus
from payments import order as orders
from payments.models import PaymentOrder
from payments.states import OrderStatus
from testing.make import confirm, end, make_group, make_order, make_packet


@pytest.fixture(autouse=True)
def group():
    make_group("alice", "bob")


def reported(now=None, *, sender: str = "alice", money: str = "0.01") -> PayStatus:
    """A packet that its sender says he has paid: does it go out?"""
    packet = make_packet(Kind.EQUAL, 1, money, sender=sender)
    report(make_order(packet), now)
    packet.refresh_from_db()
    return PayStatus(packet.pay_status)


def report(order: PaymentOrder, now=None) -> PaymentOrder:
    caller = Caller(order.user_id)
    now = now or timezone.now()
    return orders.report(order_no=order.order_no, caller=caller, result=None, now=now)


def test_more_packets_than_the_limit_wait_for_the_channel(settings):
    settings.REDPACKET_AWAITING_NUMBER = 2

    assert [reported(), reported()] == [PayStatus.AWAITING] * 2
    assert reported() == PayStatus.UNPAID
    assert reported(sender="bob") == PayStatus.AWAITING

    last = PaymentOrder.objects.filter(user_id="alice").latest("pk")
    assert last.status == OrderStatus.REPORTED, "recorded all the same"
    assert confirm(last, timezone.now())
    assert RedPacket.objects.get(public_id=last.reference).pay_status == PayStatus.PAID


def test_what_the_channel_confirms_makes_room(settings):
    settings.REDPACKET_AWAITING_NUMBER = 1
    assert reported() == PayStatus.AWAITING
    waiting = make_order(make_packet(Kind.EQUAL, 1, "0.01"))
    report(waiting)
    assert confirm(PaymentOrder.objects.earliest("pk"), timezone.now())

    report(waiting)

    packet = RedPacket.objects.get(public_id=waiting.reference)
    assert packet.pay_status == PayStatus.AWAITING


@pytest.mark.parametrize(("money", "status"), [("100.00", 2), ("100.01", 0)])
def test_the_limit_in_yuan_has_two_sides(settings, money, status):
    settings.REDPACKET_AWAITING_MAX = 200
    assert reported(money="100.00") == PayStatus.AWAITING

    assert reported(money=money) == status


def test_reports_that_came_to_nothing_are_not_believed_for_a_while(settings):
    settings.REDPACKET_VOIDED_MAX = 2
    now = timezone.now()
    for _ in range(2):
        assert reported(now) == PayStatus.AWAITING
        assert end(PaymentOrder.objects.latest("pk"), now)

    assert reported(now) == PayStatus.UNPAID
    assert reported(now, sender="bob") == PayStatus.AWAITING
    later = now + timedelta(seconds=settings.REDPACKET_VOIDED_S)
    assert reported(later) == PayStatus.UNPAID
    assert reported(later + timedelta(microseconds=1)) == PayStatus.AWAITING


def test_whose_money_always_came_is_always_believed(settings):
    settings.REDPACKET_VOIDED_MAX = 1
    for _ in range(3):
        assert reported() == PayStatus.AWAITING
        assert confirm(PaymentOrder.objects.latest("pk"), timezone.now())
