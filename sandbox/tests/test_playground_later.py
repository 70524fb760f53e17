"""A packet's day goes by at once, of what is open here."""

from django.utils import timezone

from packets import freeze
from packets.states import Kind
from sandbox.tests.playing import ask, read, sent
from testing import make


def test_a_day_later_the_rest_is_back(played):
    packet = sent(played)
    taker = played["people"][1]["user_id"]
    make.user(taker).post(f"packets/{packet.public_id}/grab", key="")

    answer = ask("later", {"packet": packet.public_id})

    assert (answer.status_code, answer.json()["return_money"]) == (200, "4.00")
    seen = make.user(packet.user_id).get(f"packets/{packet.public_id}").json()
    assert (seen["state"], seen["return_money"]) == ("expired", "4.00")
    assert make.user(packet.user_id).get("wallet").json()["balance"] == "204.00"  # 200, and 4 of 5
    told = read(played["group"], played["after"])["results"][-1]
    assert (told["type"], told["data"]["return_money"]) == ("packet.expired", "4.00")
    late = make.user(played["people"][2]["user_id"]).post(
        f"packets/{packet.public_id}/grab", key=""
    )
    assert late.json()["outcome"] == "expired"
    assert ask("later", {"packet": packet.public_id}).status_code == 409


def test_one_persons_packet_can_end_too(played):
    packet = sent(played, Kind.PERSONAL, 1, "2.00", played["people"][1]["user_id"])

    assert ask("later", {"packet": packet.public_id}).status_code == 200
    assert ask("crowd", {"packet": packet.public_id}).status_code == 404


def test_only_what_is_open_ends(played):
    gone = sent(played, number=1)
    make.user(played["people"][1]["user_id"]).post(f"packets/{gone.public_id}/grab", key="")
    frozen = sent(played)
    freeze.freeze(public_id=frozen.public_id, reason="test", now=timezone.now())
    draft = make.make_packet(sender=gone.user_id, for_id=played["group"])

    for packet in (gone, frozen, draft):
        assert ask("later", {"packet": packet.public_id}).status_code == 409
