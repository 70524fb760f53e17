"""What /try/ asks for: each door, and who may not come through it."""

import pytest
from django.test import Client

from packets.states import Kind
from sandbox.tests.playing import OURS, ask, read, sent
from testing import make

DOORS = ("start", "token", "crowd", "later")


# --- Who may ask


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "https://elsewhere.example"},
        {"origin": "null"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"origin": "http://testserver", "sec-fetch-site": "cross-site"},
        {"origin": "http://testserver:81", "sec-fetch-site": "same-origin"},
    ],
)
def test_only_our_own_pages_may_ask(door, headers):
    assert ask(door, {"phones": 1}, headers).status_code == 403
    assert Client().get("/try/api/feed?group=try.aaaaaaaa", headers=headers).status_code == 403


def test_nothing_is_said_of_it_in_the_schema_and_no_cookie_is_set(played):
    assert "/try/" not in Client().get("/api/schema").content.decode()
    assert not ask("start", {"phones": 1}, client=(client := Client())).cookies
    assert not client.cookies


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("body", ["", "[]", "{", "[" * 5000])
def test_what_is_no_object_is_refused(door, body):
    answer = Client().post(f"/try/api/{door}", body, content_type="application/json", headers=OURS)
    assert answer.status_code == 400
    assert Client().get(f"/try/api/{door}", headers=OURS).status_code == 405


@pytest.mark.once
@pytest.mark.parametrize(
    "user",
    ["alice", "try.", "try.aaaaaaaa", "try.aaaaaaaab", "xtry.aaaaaaaa.p1", "try.a.p1", 1, {}],
)
def test_a_token_only_for_who_plays(user):
    assert ask("token", {"user_id": user}).status_code == 404


# --- feed


def test_the_feed_tells_of_this_group_alone(played):
    other = ask("start", {"phones": 2}).json()
    make.make_paid_packet()
    sent(other)
    me = played["people"][1]["user_id"]
    packet, personal = sent(played), sent(played, Kind.PERSONAL, 1, "2.00", me)
    make.user(me).post(f"packets/{packet.public_id}/grab", key="")

    told = read(played["group"], played["after"])

    assert [(one["type"], one["data"]["packet"]) for one in told["results"]] == [
        ("packet.issued", packet.public_id),
        ("packet.issued", personal.public_id),
        ("packet.grabbed", packet.public_id),
    ]
    assert set(told["results"][0]) == {"id", "type", "time", "data"}
    assert read(played["group"], told["next"]) == {"results": [], "next": told["next"]}


def test_the_feed_waits_no_longer_than_it_must(played):
    sent(played)

    assert len(read(played["group"], played["after"], wait=30)["results"]) == 1
    assert read("try.aaaaaaaa", read(played["group"], "0")["next"], wait=1)["results"] == []


@pytest.mark.once
@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"group": "g1"}, 404),
        ({"group": "try.aaaaaaaa.p1"}, 404),
        ({"group": "try.aaaaaaaa", "after": "x"}, 400),
        ({"group": "try.aaaaaaaa", "after": "-1"}, 400),
        ({"group": "try.aaaaaaaa", "wait": "31"}, 400),
        ({"group": "try.aaaaaaaa", "wait": "٣"}, 400),
    ],
)
def test_the_feed_refuses_what_it_does_not_know(query, status):
    assert Client().get("/try/api/feed", query, headers=OURS).status_code == status


@pytest.mark.parametrize("door", ["crowd", "later"])
def test_packets_of_others_are_not_there(door, played):
    foreign = make.make_paid_packet()

    for packet in (foreign.public_id, "rp_aaaaaaaaaaaaaaaaaaaaaaaaaa", "x", None, 1):
        assert ask(door, {"packet": packet}).status_code == 404
