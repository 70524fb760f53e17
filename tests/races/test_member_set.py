"""The copy of a group in Redis: whoever joins or leaves while it is read or changed is not lost."""

import pytest
from django.utils import timezone

from kit.http.caller import Caller
from kit.plumbing import redis
from kit.refusals import NotFound
from packets import grab, member_set, members
from packets.models import GroupMember, Share
from packets.states import Kind
from testing.forks import in_threads
from testing.make import make_group, make_paid_packet, service, user

pytestmark = pytest.mark.usefixtures("with_redis")


@pytest.fixture(autouse=True)
def group():
    make_group("alice", "bob")


def in_the_copy() -> set[str]:
    names = redis.call(lambda r: r.smembers("group:{g1}"))
    return {name.decode() for name in names} - {member_set.PRESENT}


def in_the_table() -> set[str]:
    return set(GroupMember.objects.filter(group_id="g1").values_list("user_id", flat=True))


def join(user_id: str) -> None:
    members.add(group_id="g1", user_id=user_id)


def leave(user_id: str) -> None:
    members.remove(group_id="g1", user_id=user_id)


def before(monkeypatch, script: str, *meanwhile) -> None:
    """Just before the next run of this script, this happens, once."""
    run, left = redis.run, list(meanwhile)

    def watched(source, keys, args):
        if source == script and left:
            happens = left.pop(0)
            happens()
        return run(source, keys, args)

    monkeypatch.setattr(redis, "run", watched)


# --- A builder has read the table; somebody leaves, somebody joins; only then it publishes


def changed_while_it_is_built(monkeypatch) -> set[str]:
    def meanwhile():
        leave("bob")
        join("carol")

    before(monkeypatch, member_set.LOOK, meanwhile)
    assert member_set.build("g1")
    return in_the_copy()


def test_a_change_under_a_build_is_in_the_copy(monkeypatch):
    assert changed_while_it_is_built(monkeypatch) == {"alice", "carol"}


def test_a_change_under_a_build_is_in_the_copy_without_the_log(monkeypatch):
    monkeypatch.setattr(member_set, "lists", lambda group_id, names: [0, 0])

    assert changed_while_it_is_built(monkeypatch) == {"alice", "bob"}


def test_a_change_between_the_look_and_the_publishing_is_in_the_copy(monkeypatch):
    before(monkeypatch, member_set.PUBLISH, lambda: leave("bob"), lambda: join("carol"))

    assert member_set.build("g1")

    assert in_the_copy() == {"alice", "carol"}


def test_a_change_between_the_look_and_the_publishing_without_the_version(monkeypatch):
    careless = member_set.PUBLISH.replace("~= tonumber(ARGV[2])", "== 'never'")
    assert careless != member_set.PUBLISH
    monkeypatch.setattr(member_set, "PUBLISH", careless)
    before(monkeypatch, careless, lambda: leave("bob"))

    assert member_set.build("g1")

    assert in_the_copy() == {"alice", "bob"}


def test_a_whole_new_list_under_a_build_drops_it(monkeypatch):
    monkeypatch.setattr(member_set, "CHANGES_MAX", 2)
    new = ["alice", "u1", "u2", "u3"]
    before(monkeypatch, member_set.LOOK, lambda: members.replace(group_id="g1", user_ids=new))

    assert not member_set.build("g1")

    assert in_the_copy() == set()
    assert member_set.build("g1")
    assert in_the_copy() == set(new)


def test_a_word_of_another_release_under_a_build_drops_it(monkeypatch):
    """It raises the version and drops the copy, and leaves no name."""

    def meanwhile():
        GroupMember.objects.filter(user_id="bob").delete()
        redis.call(lambda r: r.incr("version:group:{g1}"))
        redis.call(lambda r: r.expire("version:group:{g1}", 3600))
        redis.call(lambda r: r.delete("group:{g1}"))

    before(monkeypatch, member_set.LOOK, meanwhile)

    assert not member_set.build("g1")
    assert in_the_copy() == set()


# --- Two builders: the one that began last owns the log


def overtaken(monkeypatch) -> set[str]:
    """A reads. B reads, sees bob leave and publishes. A goes on, and a third one has begun."""

    def meanwhile():
        assert member_set.build("g1")
        leave("bob")
        redis.run(member_set.BEGIN, member_set._keys("g1"), ["/third", 60])

    before(monkeypatch, member_set.LOOK, meanwhile)
    member_set.build("g1")
    return in_the_copy()


def test_an_overtaken_builder_gives_up(monkeypatch):
    assert overtaken(monkeypatch) == {"alice"}


def test_an_overtaken_builder_gives_up_without_the_owner(monkeypatch):
    """It takes whatever log it finds for its own."""
    run = redis.run

    def careless(source, keys, args):
        if source == member_set.LOOK:
            version, *_ = run(source, keys, args)
            return [version]
        if source == member_set.PUBLISH:
            source = source.replace("~= ARGV[1]", "== 'never'")
        return run(source, keys, args)

    monkeypatch.setattr(redis, "run", careless)
    monkeypatch.setattr(member_set, "is_whole", lambda told, builder, missed: True, raising=True)

    assert overtaken(monkeypatch) == {"alice", "bob"}


# --- The same user joins and leaves at once: the last word is the table's


def joined_and_left(monkeypatch, last, first) -> set[str]:
    """The first one has read what it will write; the other happens whole; then the first writes."""
    member_set.build("g1")
    before(monkeypatch, member_set.APPLY, last)
    first()
    return in_the_copy()


def test_who_left_behind_his_joining_is_out(monkeypatch):
    assert joined_and_left(monkeypatch, lambda: leave("carol"), lambda: join("carol")) == {
        "alice",
        "bob",
    }


def test_who_joined_behind_his_leaving_is_in(monkeypatch):
    found = joined_and_left(monkeypatch, lambda: join("bob"), lambda: leave("bob"))

    assert found == {"alice", "bob"}


@pytest.mark.parametrize("is_in", [True, False])
def test_who_joined_and_left_at_once_without_the_version(monkeypatch, is_in):
    """One who left still finds tickets; one who joined is told for minutes that he is none."""
    current = "tonumber(redis.call('GET', KEYS[2]) or 0)"
    careless = member_set.APPLY.replace(current, "tonumber(ARGV[1])")
    assert careless != member_set.APPLY
    monkeypatch.setattr(member_set, "APPLY", careless)
    pair = (lambda: leave("bob"), lambda: join("bob"))

    joined_and_left(monkeypatch, *(pair if is_in else reversed(pair)))

    assert ("bob" in in_the_table(), "bob" in in_the_copy()) == (not is_in, is_in)


def test_of_a_crowd_that_comes_and_goes_the_copy_is_the_table():
    packet = make_paid_packet(Kind.EQUAL, 2, "1.00")
    chat = service()

    def come_and_go(name: str) -> list[int]:
        path = f"service/groups/g1/members/{name}"
        answers = []
        for turn in range(6):
            answers.append((chat.delete if turn % 2 else chat.put)(path).status_code)
            user(name).post(f"packets/{packet.public_id}/grab")
            if turn == 2:
                redis.call(lambda r: r.delete("group:{g1}"))
        return answers

    names = ["carol", "dave", "erin", "dave", "carol", "erin"]
    answers = in_threads([lambda name=name: come_and_go(name) for name in names])

    assert {status for each in answers for status in each} == {204}
    member_set.build("g1") if not in_the_copy() else None
    assert in_the_copy() == in_the_table()


# --- Whatever the copy says, the row decides


def test_a_stale_copy_lets_nobody_win_and_is_put_right():
    packet = make_paid_packet(Kind.EQUAL, 2, "1.00")
    member_set.build("g1")
    redis.call(lambda r: r.sadd("group:{g1}", "mallory"))

    with pytest.raises(NotFound):
        grab.grab(public_id=packet.public_id, caller=Caller("mallory"), now=timezone.now())

    assert not Share.objects.filter(user_id="mallory").exists()
    assert in_the_copy() == {"alice", "bob"}
