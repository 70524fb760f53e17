"""What a change of a group costs, counted: the same in one of three as in one of thousands."""

import pytest
from django.utils import timezone

from kit.http.caller import Caller
from kit.plumbing import redis
from kit.refusals import NotFound
from packets import grab, member_set, members
from packets.models import GroupMember
from packets.states import Kind
from packets.tests.test_costs import redis_commands, statements
from packets.tickets import queue as tickets
from testing.make import make_group, make_paid_packet, service

SIZES = [3, 3 * member_set.CHUNK]
JOIN = ["BEGIN", "INSERT", "COMMIT", "SELECT"]
LEAVE = ["BEGIN", "DELETE", "COMMIT", "SELECT"]


def take(packet, user_id: str) -> str:
    caller = Caller(user_id)
    return grab.grab(public_id=packet.public_id, caller=caller, now=timezone.now()).outcome


@pytest.fixture(params=SIZES)
def packet(request):
    """Of a group of so many whose copy is built."""
    make_group("alice", *(f"member{n:06}" for n in range(1, request.param)))
    packet = make_paid_packet(Kind.EQUAL, 3, "1.00")
    assert take(packet, "alice") == "grabbed"
    return packet


def test_a_join_costs_the_same_in_any_group(with_redis, packet):
    with statements() as sql, redis_commands() as told:
        members.add(group_id="g1", user_id="bob")

    assert [word for word in sql if word != "SET"] == JOIN
    assert told == ["EVALSHA"] * 2


def test_a_leave_costs_the_same_in_any_group(with_redis, packet):
    with statements() as sql, redis_commands() as told:
        members.remove(group_id="g1", user_id="member000001")

    assert [word for word in sql if word != "SET"] == LEAVE
    assert told == ["EVALSHA"] * 2


def test_the_first_grab_after_a_change_builds_nothing(with_redis, packet):
    members.add(group_id="g1", user_id="bob")
    members.remove(group_id="g1", user_id="member000001")

    with statements() as sql, redis_commands() as told:
        with pytest.raises(NotFound):
            take(packet, "member000001")
        assert take(packet, "alice") == "already_grabbed"

    assert sql == ["SELECT"], "what alice has taken"
    assert told == ["EVALSHA"] * 2
    assert take(packet, "bob") == "grabbed"


def test_a_whole_list_that_differs_in_one_changes_one(with_redis, packet):
    wish = set(GroupMember.objects.values_list("user_id", flat=True)) - {"member000001"} | {"bob"}

    members.replace(group_id="g1", user_ids=wish)

    with statements() as sql:
        assert take(packet, "bob") == "grabbed"
    assert "GroupMember" not in str(sql)
    copy = redis.call(lambda r: r.smembers("group:{g1}"))
    assert {name.decode() for name in copy} - {member_set.PRESENT} == wish


def test_a_whole_list_is_written_in_few_statements():
    many = [f"member{n:06}" for n in range(10 * members.CHUNK)]

    with statements() as sql:
        assert service().put("service/groups/g1/members", {"members": many}).status_code == 204

    assert sql.count("INSERT") <= 11
    assert len(sql) < 25
    assert members.number("g1") == len(many)


def test_while_one_builds_the_others_go_by_the_table(with_redis, packet):
    """Nobody waits until a hundred thousand names are copied."""
    redis.call(lambda r: r.delete("group:{g1}"))
    redis.call(lambda r: r.set("guard:group:{g1}", 1, px=tickets.GROUP_GUARD_MS))
    GroupMember.objects.filter(user_id="member000002").delete()

    with statements() as sql, pytest.raises(NotFound):
        take(packet, "member000002")
    assert sql == ["SELECT"]
    assert take(packet, "member000001") == "grabbed"
    assert not redis.call(lambda r: r.exists("group:{g1}"))


def test_a_list_names_what_is_no_id():
    answer = service().put("service/groups/g1/members", {"members": ["alice", "b b", 7]})

    assert answer.status_code == 400
    assert {name.partition(".")[2] for name in answer.json()["errors"]} >= {"1", "2"}
