"""Whoever can write to Redis, or name a group, gains nothing by it."""

import pickle

import pytest
from django.core.cache import cache

from kit.plumbing import redis
from packets import member_set, members
from packets.states import Kind
from testing.make import make_group, make_paid_packet, user


class Bomb:
    def __reduce__(self):
        return (exec, ("import builtins; builtins.exploded = True",))


def test_what_somebody_wrote_to_redis_is_never_run(with_redis, settings, monkeypatch):
    settings.REDPACKET_MEMBERS_URL = "http://127.0.0.1:1"
    key = cache.make_key("members:groups/g/members/alice")
    redis.call(lambda r: r.set(key, pickle.dumps(Bomb()), ex=60))

    with pytest.raises(UnicodeDecodeError):
        cache.get("members:groups/g/members/alice")
    answer = user("alice").post(
        "packets", {"type": "equal", "for_id": "g", "number": 1, "single_money": "1.00"}, key="k"
    )

    assert not hasattr(__import__("builtins"), "exploded")
    assert answer.status_code == 503


@pytest.mark.parametrize("name", ["G:version", "version:G", "version", "G:guard"])
def test_no_groups_name_is_another_groups_key(with_redis, name):
    """A group `G:version` made every change of `G` a 503, and opened the breaker."""
    for group in (name, "G", name):
        make_group("alice", "bob", group_id=group)
        packet = make_paid_packet(Kind.EQUAL, 1, "1.00", for_id=group)
        assert user("bob").post(f"packets/{packet.public_id}/grab").json()["outcome"] == "grabbed"
        members.add(group_id=group, user_id="carol")
        members.remove(group_id=group, user_id="bob")

    assert redis.breaker.lets_through()


def test_a_spoilt_copy_of_a_group_costs_nobody_redis(with_redis):
    make_group("alice", "bob")
    packet = make_paid_packet(Kind.EQUAL, 2, "1.00")
    redis.call(lambda r: r.set("group:{g1}", "spoilt", ex=60))

    grabbed = user("bob").post(f"packets/{packet.public_id}/grab")

    assert grabbed.json()["outcome"] == "grabbed"
    assert redis.run("return 7", [], []) == 7
    member_set.forget("g1")


@pytest.mark.parametrize("name", [".", ".."])
def test_an_id_is_never_a_step_in_a_path(name):
    wish = {"type": "equal", "for_id": name, "number": 1, "single_money": "1.00"}

    assert user(name).get("wallet").status_code == 401
    assert user("alice").post("packets", wish, key="k").status_code == 400
