"""The chat server's endpoints: members, profiles, events."""

import pytest

from packets.api.service import EventViewSet
from packets.models import GroupMember, Profile
from packets.states import Kind
from testing.make import make_group, make_paid_packet, service, user
from tests.flows.meanwhile import issued_meanwhile

EVENTS = "service/events"


def names(group_id="g1") -> list[str]:
    members = GroupMember.objects.filter(group_id=group_id)
    return sorted(members.values_list("user_id", flat=True))


def news(query: str = "") -> dict:
    return service().get(f"{EVENTS}{query}").json()


def test_members_are_replaced_added_and_removed():
    api = service()

    def put(path, body=None):
        answer = api.put(path, body) if body is not None else api.put(path)
        assert (answer.status_code, answer.content) == (204, b"")

    put("service/groups/g1/members", {"members": ["a", "b", "b"]})
    assert names() == ["a", "b"]
    put("service/groups/g1/members", {"members": ["b", "c"]})
    assert names() == ["b", "c"]
    for _ in range(2):
        put("service/groups/g1/members/B")
    assert names() == ["B", "b", "c"]
    for _ in range(2):
        assert api.delete("service/groups/g1/members/b").status_code == 204
    assert names() == ["B", "c"]
    put("service/groups/g1/members", {"members": []})
    assert names() == []
    assert api.delete("service/groups/never/members/b").status_code == 204


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("service/groups/g1/members", {}, "members"),
        ("service/groups/g1/members", {"members": None}, "members"),
        ("service/groups/g1/members", {"members": "a"}, "members"),
        ("service/groups/g1/members", {"members": [1]}, "members.0"),
        ("service/groups/g1/members", {"members": ["a", "b c"]}, "members.1"),
        ("service/groups/g1/members", {"members": [None]}, "members.0"),
        ("service/groups/g1/members", {"members": [], "x": 1}, "x"),
        ("service/groups/g%201/members", {"members": []}, "group_id"),
        ("service/groups/%00/members", {"members": []}, "group_id"),
        ("service/groups/%E7%BE%A4/members", {"members": []}, "group_id"),
        (f"service/groups/{'g' * 65}/members", {"members": []}, "group_id"),
        ("service/groups/g1/members/a%0A", None, "user_id"),
        ("service/profiles/a%20b", {"nickname": "x", "avatar": None}, "user_id"),
        ("service/profiles/a", {"nickname": "x" * 65, "avatar": None}, "nickname"),
        ("service/profiles/a", {"nickname": 5, "avatar": None}, "nickname"),
        ("service/profiles/a", {"nickname": "x", "avatar": "x" * 513}, "avatar"),
        ("service/profiles/a", {"nickname": "x"}, "avatar"),
    ],
)
def test_bad_input_is_named(path, body, field):
    response = service().put(path, body) if body is not None else service().put(path)

    assert (response.status_code, response.json()["code"]) == (400, "validation_error")
    assert list(response.json()["errors"]) == [field]
    assert not GroupMember.objects.exists()
    assert not Profile.objects.exists()


def test_messages_of_fields_are_in_the_callers_language():
    api = service()
    body = {"members": 5}
    chinese = api.put("service/groups/g1/members", body).json()["errors"]
    english = api.put("service/groups/g1/members", body, Accept_Language="en").json()["errors"]

    assert english == {"members": ['Expected a list of items but got type "int".']}
    assert chinese["members"][0].isascii() is False


def test_removal_is_effective():
    make_group("alice", "bob", "carol")
    packet = make_paid_packet(Kind.EQUAL, 2, "1.00").public_id
    assert user("bob").get(f"packets/{packet}").json()["actions"] == ["grab"]

    service().delete("service/groups/g1/members/bob")
    assert user("bob").post(f"packets/{packet}/grab").status_code == 404
    assert user("bob").get(f"packets/{packet}").status_code == 404
    service().put("service/groups/g1/members", {"members": ["alice", "bob"]})
    assert user("carol").post(f"packets/{packet}/grab").status_code == 404
    assert user("bob").post(f"packets/{packet}/grab").json()["outcome"] == "grabbed"


def test_profiles_are_set_changed_and_taken_away():
    make_group("alice", "bob")
    packet = make_paid_packet(Kind.EQUAL, 2, "1.00").public_id

    def put(nickname, avatar):
        body = {"nickname": nickname, "avatar": avatar}
        assert service().put("service/profiles/alice", body).status_code == 204
        return user("bob").get(f"packets/{packet}").json()["sender"]

    assert put("爱丽丝🧧", "https://x/a") == {
        "user_id": "alice",
        "nickname": "爱丽丝🧧",
        "avatar": "https://x/a",
    }
    nobody = {"user_id": "alice", "nickname": None, "avatar": None}
    assert put("A", None) == nobody | {"nickname": "A"}
    assert put(None, None) == put("", "") == nobody


# --- events


def test_events_of_a_whole_packet_in_order():
    make_group("alice", "bob", "carol")
    packet = make_paid_packet(Kind.LUCKY, 2, "10.00").public_id
    for name in ("bob", "carol"):
        user(name).post(f"packets/{packet}/grab")
    best = {
        share["user"]["user_id"]: share["is_good"]
        for share in user("bob").get(f"packets/{packet}").json()["shares"]
    }

    told = news()

    kinds = [event["type"] for event in told["results"]]
    assert kinds == ["packet.issued", "packet.grabbed", "packet.grabbed", "packet.finished"]
    data = [event["data"] for event in told["results"]]
    assert all(each["packet"] == packet and each["for_id"] == "g1" for each in data)
    assert [each["user_id"] for each in data] == ["alice", "bob", "carol", "alice"]
    deadline = user("alice").get(f"packets/{packet}").json()["expire_time"]
    assert {**data[0], "intro": ""} == {
        "packet": packet,
        "for_id": "g1",
        "user_id": "alice",
        "type": "lucky",
        "intro": "",
        "number": 2,
        "for_users": None,
        "pay_status": "paid",
        "expire_time": deadline,
    }
    assert sorted(data[1]) == ["for_id", "number", "packet", "sender", "taken_number", "user_id"]
    assert data[3]["expend_time"] in (0, 1, 2, 3, 4, 5)
    assert best[data[3]["best_luck"]] is True
    assert told["next"] == told["results"][-1]["id"]


def test_reading_on_skips_none_and_repeats_none():
    make_group("alice", "bob", "carol")
    for _ in range(3):
        make_paid_packet(Kind.EQUAL, 1, "1.00")

    whole = news()["results"]
    found, after = [], "0"
    while page := news(f"?after={after}&limit=2"):
        if not page["results"]:
            break
        found += page["results"]
        after = page["next"]

    assert found == whole
    assert len({event["id"] for event in found}) == len(found) == 3
    assert news(f"?after={after}") == {"results": [], "next": after}
    make_paid_packet(Kind.EQUAL, 1, "1.00")
    assert len(news(f"?after={after}")["results"]) == 1


def test_next_is_never_null():
    assert news() == {"results": [], "next": "0"}
    assert news("?after=17") == {"results": [], "next": "17"}


@pytest.mark.parametrize(
    "query",
    [
        "after=",
        "after=x",
        "after=-1",
        "after=" + "9" * 19,
        "limit=0",
        "limit=1001",
        "limit=%00",
        "wait=",
        "wait=31",
        "wait=-1",
        "wait=1.5",
        "after=Latest",
        "after=latest,0",
        "types=",
        "types=packet.opened",
        "types=packet.issued,",
        "types=packet.issued,packet.opened",
        "types=packetxissued",
        "types=packet.issued%0a",
    ],
)
def test_bad_query(query):
    response = service().get(f"{EVENTS}?{query}")

    assert (response.status_code, response.json()["code"]) == (400, "validation_error")


def test_waiting_reader_gets_what_comes():
    told, packet = issued_meanwhile(lambda: news("?wait=30"))

    assert [event["data"]["packet"] for event in told["results"]] == [packet]
    assert not EventViewSet._waiting.locked()


def test_second_waiting_reader_is_told_to_come_later(monkeypatch):
    def wait(*args):
        raise AssertionError("one waiting request a process")

    make_group("alice", "bob")
    monkeypatch.setattr("packets.api.service.wait_for", wait)
    with EventViewSet._waiting:
        refused = service().get(f"{EVENTS}?wait=30")
        assert news() == {"results": [], "next": "0"}  # who does not wait is answered
        make_paid_packet(Kind.EQUAL, 1, "1.00")
        assert len(news("?wait=30")["results"]) == 1  # so is who need not

    assert (refused.status_code, refused.json()["code"]) == (429, "throttled")
    assert int(refused["Retry-After"]) >= 1
