"""Reported, never paid (Spec 2.6)."""

from datetime import timedelta

import pytest
from django.utils import timezone

from kit.http.caller import Caller
from kit.models import Event
from packets import finish, freeze, grab, void
from packets.models import RedPacket, SettlementPass, Share
from packets.refusals import PacketClosed
from packets.states import Kind, PayStatus
from payments.states import PayType
from testing.make import confirm, end, make_order, make_packet, make_reported_packet, report
from wallets.models import LedgerLine, Wallet


def grab_it(packet, user_id="u1") -> grab.Grab:
    return grab.grab(public_id=packet.public_id, caller=Caller(user_id), now=timezone.now())


def test_void_packet_tells_its_takers_and_credits_nobody():
    packet, order = make_reported_packet(Kind.EQUAL, 3, "1.00")
    grab_it(packet, "u2")
    grab_it(packet, "u1")
    now = timezone.now()

    end(order, now)

    packet.refresh_from_db()
    assert (packet.voided_at, packet.pay_status) == (now, PayStatus.AWAITING)
    assert f"{packet.return_money}" == "0.00"
    assert not finish.unfinished(PayStatus.AWAITING).exists(), "no sweep comes by it again"
    assert Share.objects.filter(is_returned=True, user_id=None).count() == 1
    (voided,) = Event.objects.filter(type="packet.voided")
    assert voided.data == {
        "packet": packet.public_id,
        "for_id": "g1",
        "user_id": "alice",
        "takers": ["u2", "u1"],
    }
    assert not LedgerLine.objects.exists()
    assert not Wallet.objects.exists()
    assert not SettlementPass.objects.exists()
    with pytest.raises(PacketClosed):
        grab_it(packet, "u3")


def test_packet_is_voided_once():
    _packet, order = make_reported_packet()
    end(order, timezone.now())
    first = RedPacket.objects.values().get()

    assert not end(order, timezone.now() + timedelta(hours=1))
    void.ended(order, timezone.now() + timedelta(hours=1))

    assert RedPacket.objects.values().get() == first
    assert Event.objects.filter(type="packet.voided").count() == 1


def test_packet_lives_while_another_order_may_still_pay_it():
    packet, order = make_reported_packet()
    other = make_order(packet, PayType.WECHAT)

    end(order, timezone.now())
    assert RedPacket.objects.get().voided_at is None

    end(other, timezone.now())
    assert RedPacket.objects.get().voided_at is not None


def test_unpaid_packet_is_not_voided():
    """A draft whose order has ended may be paid again until it closes."""
    packet = make_packet()

    end(make_order(packet), timezone.now())

    assert RedPacket.objects.get().voided_at is None
    report(make_order(packet, PayType.WECHAT), timezone.now())
    assert RedPacket.objects.get().pay_status == PayStatus.AWAITING


def test_paid_packet_is_not_voided():
    packet, order = make_reported_packet()
    other = make_order(packet, PayType.WECHAT)
    confirm(other, timezone.now())

    end(order, timezone.now())

    assert RedPacket.objects.get().voided_at is None


def test_frozen_packet_is_voided_since_no_money_moves():
    packet, order = make_reported_packet()
    freeze.freeze(public_id=packet.public_id, reason="test", now=timezone.now())

    end(order, timezone.now())

    assert RedPacket.objects.get().voided_at is not None
