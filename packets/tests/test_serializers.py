"""What is rendered by hand is held to the shapes that the schema is made of; the rest is rendered
by them, and every time is written in one way."""

import json
from datetime import UTC, datetime

import pytest
from django.utils import timezone
from rest_framework import serializers

from kit.http import api
from kit.http.caller import Caller
from packets import grab
from packets.api import bubbles, lean, results
from packets.api.serializers import (
    BubbleSerializer,
    GrabSerializer,
    PacketSerializer,
    PacketSummarySerializer,
)
from packets.models import RedPacket
from packets.states import Kind
from payments.api.serializers import OrderSerializer
from testing.make import make_group, make_order, make_packet, make_paid_packet


def names(shape: serializers.BaseSerializer) -> dict:
    """Its fields in their order, with those of what is within."""
    if isinstance(shape, serializers.ListSerializer):
        return names(shape.child)
    return {
        name: names(field) if isinstance(field, serializers.BaseSerializer) else None
        for name, field in shape.fields.items()
    }


def told(value: object) -> dict | None:
    """The same of an answer; of a list by its first."""
    if isinstance(value, list):
        return told(value[0]) if value else None
    return {name: told(of) for name, of in value.items()} if isinstance(value, dict) else None


def taken(kind: Kind, **wish) -> RedPacket:
    make_group("alice", "bob")
    packet = make_paid_packet(kind, 1, "2.00", **wish)
    grab.grab(public_id=packet.public_id, caller=Caller("bob"), now=timezone.now())
    return packet


@pytest.mark.once
def test_a_packet_has_the_names_of_its_shape():
    packet = taken(Kind.EXCLUSIVE, for_users=("bob",))
    seen = {"caller": Caller("bob"), "now": timezone.now()}

    whole = results.packet(public_id=packet.public_id, **seen)
    [listed] = results.listed([packet], **seen)
    [bubble] = bubbles.bubbles(public_ids=[packet.public_id], **seen)

    shape = names(PacketSerializer())
    assert told(whole) == shape
    assert sorted(listed) == sorted(names(PacketSummarySerializer()))
    assert told(bubble) == names(BubbleSerializer())


@pytest.mark.once
def test_a_grab_has_the_names_of_its_shape():
    make_group("alice", "bob")
    packet = make_paid_packet(Kind.LUCKY, 1, "2.00")

    won = grab.grab(public_id=packet.public_id, caller=Caller("bob"), now=timezone.now())
    late = grab.Grab(grab.Outcome.TOO_SLOW)

    shape = names(GrabSerializer())
    assert told(json.loads(lean.grab_json(won))) == shape
    assert list(json.loads(lean.grab_json(late))) == list(shape)


@pytest.mark.once
def test_a_name_that_is_missing_is_noticed():
    packet = taken(Kind.LUCKY)
    whole = results.packet(public_id=packet.public_id, caller=Caller("bob"), now=timezone.now())

    del whole["shares"][0]["position"]

    assert told(whole) != names(PacketSerializer())


@pytest.mark.once
def test_an_order_is_rendered_by_its_shape():
    make_group("alice", "bob")
    order = make_order(make_packet(Kind.EQUAL, 1, "0.10"))

    answer = OrderSerializer(order).data

    assert answer == {
        "order_no": order.order_no,
        "purpose": "packet",
        "packet": order.reference,
        "pay_type": "alipay",
        "status": "created",
        "money": "0.10",
        "pay_params": order.pay_params,
        "add_time": timezone.localtime(order.add_time).isoformat(),
        "expire_time": timezone.localtime(order.expire_time).isoformat(),
        "trade_no": None,
    }


@pytest.mark.once
@pytest.mark.parametrize(("zone", "end"), [("UTC", "+00:00"), ("Asia/Shanghai", "+08:00")])
def test_a_time_has_the_offset_of_the_zone(zone, end, settings):
    with timezone.override(zone):
        said = api.MomentField().to_representation(datetime(2026, 2, 17, 12, 0, 0, 5, tzinfo=UTC))

    assert said.endswith(f":00:00.000005{end}")


def ours(base: type = serializers.BaseSerializer) -> set[type]:
    found = {each for sub in base.__subclasses__() for each in (sub, *ours(sub))}
    return {each for each in found if not each.__module__.startswith("rest_framework")}


@pytest.mark.once
def test_every_answer_writes_time_in_that_way():
    times = {
        (shape.__name__, name): type(field)
        for shape in ours()
        for name, field in getattr(shape, "_declared_fields", {}).items()
        if isinstance(field, serializers.DateTimeField)
    }

    assert ("OrderSerializer", "add_time") in times
    assert set(times.values()) == {api.MomentField}
