"""GET /service/packets/{id}: what a member without a share sees, for the chat's own drawing."""

from datetime import timedelta

import pytest
from django.utils import timezone

from kit.http.caller import Caller
from packets import close, freeze, grab, profiles, refund
from packets.models import RedPacket
from packets.states import Kind
from packets.tests.test_costs import statements
from testing import make
from testing.make import Api, service, user
from tests.flows.test_contract import refused

LOOKER = "dave"  # a member who takes nothing
KINDS = [Kind.EQUAL, Kind.LUCKY, Kind.EXCLUSIVE]


@pytest.fixture(autouse=True)
def group():
    make.make_group("alice", "bob", "carol", LOOKER)
    profiles.put(user_id="bob", nickname="小宝", avatar="")


def paid(kind: Kind, made=make.make_paid_packet) -> RedPacket:
    return made(kind, 2, "2.00", for_users=("bob", "carol"))


def take(packet: RedPacket, *names: str, now=None) -> None:
    for name in names:
        grab.grab(public_id=packet.public_id, caller=Caller(name), now=now or timezone.now())


def told(packet: RedPacket) -> dict:
    answer = service().get(f"service/packets/{packet.public_id}")
    assert answer.status_code == 200, answer.content
    assert (answer.json()["mine"], answer.json()["actions"]) == (None, [])
    return answer.json()


def seen(packet: RedPacket, by: str = LOOKER) -> dict:
    """What a user sees, without what he can do: that is his own."""
    answer = user(by).get(f"packets/{packet.public_id}")
    assert answer.status_code == 200
    return answer.json() | {"actions": []}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("takers", [(), ("bob",), ("bob", "carol")])
def test_it_is_what_a_member_without_a_share_sees(kind, takers):
    packet = paid(kind)
    take(packet, *takers)

    assert told(packet) == seen(packet)


@pytest.mark.parametrize("kind", KINDS)
def test_so_it_is_of_an_expired_and_of_a_frozen_one(kind):
    expired, frozen = paid(kind, make.make_expired_packet), paid(kind)
    take(expired, "bob", now=expired.pay_time + timedelta(seconds=1))
    assert refund.refund_expired(rp_id=expired.pk, now=timezone.now())
    take(frozen, "bob")
    freeze.freeze(public_id=frozen.public_id, reason="asked", now=timezone.now())

    for packet in (expired, frozen):
        assert told(packet) == seen(packet)
    assert told(expired)["return_money"] is None
    assert told(expired)["state"] == "expired"
    assert told(frozen)["is_frozen"] is True


def test_amounts_that_a_member_does_not_know_are_hidden():
    packet = paid(Kind.LUCKY)
    take(packet, "bob")

    shown = told(packet)

    assert (shown["taken_number"], shown["number"], shown["shares"]) == (1, 2, [])
    assert (shown["total_money"], shown["taken_money"], shown["seed"]) == (None, None, None)
    assert shown["headline"] == "已领取1/2个"


def test_of_a_personal_one_it_is_what_its_addressee_sees():
    packet = make.make_paid_packet(Kind.PERSONAL, 1, "5.00", for_id="bob")

    assert told(packet) == seen(packet, "bob")
    assert told(packet)["headline"] == "给你发了一个红包"
    take(packet, "bob")
    shown = told(packet)
    assert (shown["state"], shown["total_money"]) == ("finished", "5.00")
    assert [share["user"]["nickname"] for share in shown["shares"]] == ["小宝"]


def test_void_is_told_and_nothing_of_its_takers():
    packet, order = make.make_reported_packet(Kind.EQUAL, 2, "1.00")
    take(packet, "bob")
    assert make.end(order, timezone.now())

    shown = told(packet)

    assert (shown["state"], shown["taken_number"], shown["shares"]) == ("void", 1, [])
    assert shown["headline"] == "付款未到账，红包已作废"


def test_what_was_never_issued_is_not_found():
    draft, closed = make.make_packet(Kind.EQUAL, 2, "1.00"), make.make_packet(Kind.EQUAL, 2, "1.00")
    assert close.close(packet=closed, now=timezone.now() + timedelta(days=2))

    for public_id in (draft.public_id, closed.public_id, "rp_" + "a" * 26, "rp_x", "%00"):
        refused(service().get(f"service/packets/{public_id}"), 404, "not_found")


@pytest.mark.parametrize("key", ["events:this", "members:other,events:this", "this"])
def test_a_key_for_events_opens_it(settings, key):
    settings.REDPACKET_SERVICE_KEY = key
    packet = paid(Kind.EQUAL)

    assert Api("this").get(f"service/packets/{packet.public_id}").status_code == 200


def test_no_other_credential_opens_it(settings):
    settings.REDPACKET_SERVICE_KEY = "members:this"
    path = f"service/packets/{paid(Kind.EQUAL).public_id}"

    refused(Api("this").get(path), 403, "forbidden")
    refused(user("alice").get(path), 403, "forbidden")
    refused(Api("another").get(path), 401, "unauthenticated")


@pytest.mark.parametrize(("kind", "most"), [(Kind.LUCKY, 3), (Kind.EXCLUSIVE, 4)])
def test_it_costs_as_much_whoever_took_and_however_many(kind, most):
    packet = paid(kind)
    path = f"service/packets/{packet.public_id}"

    with statements() as before:
        service().get(path)
    take(packet, "bob", "carol")
    with statements() as after:
        service().get(path)

    assert len(before) == len(after) == most
