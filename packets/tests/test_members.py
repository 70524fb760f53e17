"""Who is in a group: replaced as a whole, added and removed one at a time."""

import pytest

from packets import members
from packets.models import GroupMember
from packets.states import Kind
from testing.make import make_packet


def in_group(group_id: str = "g1") -> set[str]:
    return set(GroupMember.objects.filter(group_id=group_id).values_list("user_id", flat=True))


def test_the_list_that_is_given_is_the_group():
    members.replace(group_id="g1", user_ids=["u1", "u2"])
    members.replace(group_id="g2", user_ids=["u9"])

    members.replace(group_id="g1", user_ids=["u2", "u3", "u3"])

    assert in_group() == {"u2", "u3"}
    assert in_group("g2") == {"u9"}
    assert members.number("g1") == 2


def test_an_empty_list_empties_it():
    members.replace(group_id="g1", user_ids=["u1"])

    members.replace(group_id="g1", user_ids=[])

    assert in_group() == set()


def test_one_joins_and_leaves_as_often_as_it_is_said():
    for _ in range(2):
        members.add(group_id="g1", user_id="u1")
    members.add(group_id="g1", user_id="u2")
    assert in_group() == {"u1", "u2"}

    for _ in range(2):
        members.remove(group_id="g1", user_id="u1")

    assert in_group() == {"u2"}
    assert not members.is_member("g1", "u1")
    assert members.is_member("g1", "u2")


def test_users_are_told_apart_by_every_letter():
    members.replace(group_id="g1", user_ids=["bob", "Bob"])

    members.remove(group_id="g1", user_id="bob")

    assert in_group() == {"Bob"}


def test_more_than_one_statement_holds(monkeypatch):
    monkeypatch.setattr(members, "CHUNK", 3)
    members.replace(group_id="g1", user_ids=[f"u{n}" for n in range(8)])

    members.replace(group_id="g1", user_ids=[f"u{n}" for n in range(6, 14)])

    assert in_group() == {f"u{n}" for n in range(6, 14)}


@pytest.mark.parametrize(("user", "may"), [("alice", True), ("u1", True), ("zed", False)])
def test_a_groups_packet_is_for_its_members(user, may):
    packet = make_packet(Kind.EQUAL, 2, "1.00")

    assert members.may_see(packet, user) is may
