"""A person is called what others' lines say anyway: a group's id, an amount, a word of the API.
What is not about him stays to the letter."""

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.utils import timezone

from kit import pseudonyms
from kit.http.caller import Caller
from kit.models import Event, IdempotencyRecord
from office.frame import staff
from office.models import StaffAction
from packets import freeze as packet_freeze
from packets import pay, profiles
from packets.models import RedPacket
from packets.states import Kind
from testing.make import make_group, make_packet, make_paid_packet, make_wallet, user
from wallets import freeze, statement
from wallets.models import Wallet

WORDS = ["7", "10.00", "1.00", "lucky", "paid", "grabbed", "packet", "bob", "g7"]


def sent_by_bob(key: str = "k") -> dict:
    body = {"type": "lucky", "for_id": "7", "number": 2, "total_money": "10.00", "intro": "paid"}
    sent = user("bob").post("packets", body, key=key).json()
    paid = user("bob").post(f"packets/{sent['id']}/pay", {"pay_type": "balance"}, key=f"{key}p")
    assert paid.status_code == 200
    for taker in ("bob", "carol"):
        assert user(taker).post(f"packets/{sent['id']}/grab").json()["outcome"] == "grabbed"
    return sent


def told() -> list:
    events = Event.objects.order_by("pk").values_list("type", "data")
    return [*events, *IdempotencyRecord.objects.order_by("pk").values_list("caller", "body")]


@pytest.mark.parametrize("word", WORDS)
def test_what_is_told_of_others_stays_when_he_is_called_like_it(word):
    make_group("bob", "carol", "eve", group_id="7")
    make_wallet("bob", "10.00")
    sent_by_bob()
    before = told()

    profiles.put(user_id="eve", nickname=word, avatar="")
    make_wallet("eve", "0.01")
    drain("eve")
    call_command("erase_person", "eve", reason="her letter")

    assert told() == before


@pytest.mark.parametrize("word", [word for word in WORDS if word != "bob"])
def test_what_is_told_of_others_stays_when_that_is_his_id(word):
    make_group("bob", "carol", group_id="7")
    make_wallet("bob", "10.00")
    sent_by_bob()
    before = told()

    make_wallet(word, "0.01")
    drain(word)
    call_command("erase_person", word, reason="his letter")

    assert told() == before


def test_what_is_told_of_him_goes_and_his_groups_namesake_stays():
    """User 7, in group 7, sends, takes and is sent to."""
    make_group("bob", "7", group_id="7")
    drawn = make_paid_packet(Kind.LUCKY, 2, "10.00", sender="7", for_id="7")
    for taker in ("7", "bob"):
        assert user(taker).post(f"packets/{drawn.public_id}/grab").json()["outcome"] == "grabbed"
    own = make_paid_packet(Kind.PERSONAL, 1, "3.00", sender="bob", for_id="7")
    assert user("7").post(f"packets/{own.public_id}/grab").json()["outcome"] == "grabbed"
    make_paid_packet(Kind.EXCLUSIVE, for_users=["7"], sender="bob", for_id="7")
    named = RedPacket.objects.get(type=Kind.EXCLUSIVE)
    assert user("7").post(f"packets/{named.public_id}/grab").json()["outcome"] == "grabbed"
    drain("7")
    call_command("erase_person", "7", reason="his letter")

    name = pseudonyms.of("7")
    data = [event.data for event in Event.objects.order_by("pk")]
    of_group = [one for one in data if one.get("packet") in (drawn.public_id, named.public_id)]
    of_him = [one for one in data if one.get("packet") == own.public_id]
    assert {one["for_id"] for one in of_group} == {"7"}
    assert {one["for_id"] for one in of_him} == {name}
    assert all("7" not in _values(one | {"for_id": ""}) for one in data)
    assert any(one.get("for_users") == [name] for one in of_group)


def test_what_staff_did_to_the_row_of_that_number_stays():
    packet = make_paid_packet(Kind.EQUAL, 1, "1.00")
    number = str(packet.pk)
    person = get_user_model().objects.create_user("support", is_staff=True)
    note = staff.Note(person, "freeze", packet, reason="court")
    packet_freeze.freeze(public_id=packet.public_id, reason="court", now=timezone.now(), also=note)
    make_wallet(number, "0.01")
    wallet_note = staff.Note(person, "freeze", Wallet.objects.get(pk=number), reason="as he asked")
    freeze.freeze(user_id=number, reason="x", now=timezone.now(), also=wallet_note)
    freeze.unfreeze(user_id=number, reason="x", now=timezone.now())
    drain(number)

    call_command("erase_person", number, reason="his letter")

    assert staff.acted_on(RedPacket, [packet.pk]) == {packet.pk}
    kept = StaffAction.objects.get(model="wallets.wallet", action="freeze")
    assert kept.key == pseudonyms.of(number)


def _values(value) -> set:
    if isinstance(value, dict):
        return set().union(*map(_values, value.values()))
    if isinstance(value, list):
        return set().union(*map(_values, value))
    return {value}


def drain(user_id: str) -> None:
    """What he has goes, as a packet that somebody takes."""
    packet = make_packet(
        Kind.PERSONAL,
        1,
        f"{statement.balance(user_id).balance:.2f}",
        sender=user_id,
        for_id="zoe",
    )
    pay.by_balance(public_id=packet.public_id, caller=Caller(user_id), now=timezone.now())
    assert user("zoe").post(f"packets/{packet.public_id}/grab").json()["outcome"] == "grabbed"
    Event.objects.filter(data__packet=packet.public_id).delete()
