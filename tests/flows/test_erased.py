"""What others read of somebody who was erased has the shape that the schema tells (conftest.py)."""

from django.core.management import call_command

from kit import pseudonyms
from packets.states import Kind
from testing.make import make_group, make_paid_packet, make_wallet, service, user


def taken(public_id: str, *takers: str) -> None:
    for taker in takers:
        assert user(taker).post(f"packets/{public_id}/grab").json()["outcome"] == "grabbed"


def test_what_others_read_of_her_has_its_shape():
    make_group("alice", "bob", "eve")
    drawn = make_paid_packet(Kind.LUCKY, 2, "2.00", sender="alice")
    hers = make_paid_packet(Kind.PERSONAL, 1, "1.00", sender="bob", for_id="eve")
    named = make_paid_packet(Kind.EXCLUSIVE, for_users=["eve"], sender="alice")
    taken(drawn.public_id, "bob", "eve")
    taken(hers.public_id, "eve")
    taken(named.public_id, "eve")
    make_wallet("eve", "0.01")
    balance = user("eve").get("wallet").json()["balance"]
    body = {"type": "personal", "for_id": "bob", "single_money": balance}
    sent = user("eve").post("packets", body).json()
    user("eve").post(f"packets/{sent['id']}/pay", {"pay_type": "balance"})
    taken(sent["id"], "bob")

    call_command("erase_person", "eve", reason="her letter")

    name = pseudonyms.of("eve")
    seen = [
        user("alice").get(f"packets/{drawn.public_id}"),
        user("bob").get(f"packets/{hers.public_id}"),
        user("alice").get(f"packets/{named.public_id}"),
        user("bob").get(f"packets/{sent['id']}"),
        user("bob").get("packets?box=sent"),
        user("bob").get("packets?box=received"),
        user("alice").get(f"packets/bubbles?ids={drawn.public_id},{named.public_id}"),
        service().get("service/events"),
        service().get(f"service/packets/{drawn.public_id}"),
    ]
    assert {answer.status_code for answer in seen} == {200}
    told = [name in answer.content.decode() for answer in seen]
    assert told == [True, True, True, True, True, True, False, True, True]
