"""What /try/ asks for: each door, and who may not come through it."""

import json
import threading

import pytest
from django.test import Client
from django.test.testcases import LiveServerThread
from django.utils import timezone

from kit import pause
from packets import freeze
from packets.models import RedPacket
from packets.states import Kind
from sandbox.playground import crowd, faces
from testing import make

OURS = {"origin": "http://testserver"}
DOORS = ("start", "token", "crowd", "later")


def ask(door: str, body=None, headers=OURS, client=None):
    return (client or Client()).post(
        f"/try/api/{door}", json.dumps(body or {}), content_type="application/json", headers=headers
    )


def read(group: str, after: str, **query):
    answer = Client().get(
        "/try/api/feed",
        {"group": group, "after": after, **query},
        headers={"sec-fetch-site": "same-origin"},
    )
    assert answer.status_code == 200
    return answer.json()


@pytest.fixture
def played(settings, tmp_path):
    settings.DATA_DIR = tmp_path  # another test's crowd is another machine's
    answer = ask("start", {"phones": 3})
    assert answer.status_code == 201
    return answer.json()


def sent(played, kind=Kind.EQUAL, number=5, money="1.00", for_id=None) -> RedPacket:
    return make.make_paid_packet(
        kind, number, money, sender=played["people"][0]["user_id"], for_id=for_id or played["group"]
    )


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


# --- start, token


def test_a_group_of_people_and_bots_with_money_and_faces(played):
    assert played["number"] == 103
    assert [one["nickname"] for one in played["people"]] == list(faces.NAMES[:3])
    assert len({one["avatar"] for one in played["people"]}) == 3
    assert all(one["avatar"].startswith("data:image/png;base64,") for one in played["people"])
    for user in (played["people"][2]["user_id"], f"{played['group']}.b100"):
        given = ask("token", {"user_id": user}).json()["token"]
        caller = Client(headers={"authorization": f"Bearer {given}"})
        assert caller.get("/api/v1/wallet").json()["balance"] == "200.00"
        group = caller.get(f"/api/v1/groups/{played['group']}").json()
        assert group["number"] == 103
    assert ask("start", {"phones": 1}).json()["group"] != played["group"]


@pytest.mark.once
def test_every_face_fits_into_a_profile():
    assert max(len(faces.face(number)) for number in range(120)) <= 512
    assert len(set(faces.BOT_NAMES)) == 100


@pytest.mark.once
@pytest.mark.parametrize("phones", [0, 7, "3", 2.0, True, None])
def test_so_many_phones_there_are(phones):
    assert ask("start", {"phones": phones}).status_code == 400


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


# --- crowd


@pytest.fixture
def base():
    thread = LiveServerThread("127.0.0.1", lambda application: application)
    thread.daemon = True
    thread.start()
    thread.is_ready.wait()
    yield f"http://127.0.0.1:{thread.port}"
    thread.terminate()
    thread.join()


def test_a_hundred_bots_race_over_http_and_the_feed_tells(played, base):
    packet = sent(played)

    crowd.send(packet=packet, base=base).join()

    told = read(played["group"], played["after"])["results"]
    kinds = [one["type"] for one in told]
    last = [one["data"] for one in told if one["type"] == "try.crowd"][-1]
    assert kinds.count("packet.grabbed") == 5
    assert kinds.count("try.crowd") == 5
    assert {name: last[name] for name in ("bots", "done", "got", "late", "failed")} == {
        "bots": 100, "done": 100, "got": 5, "late": 95, "failed": 0,
    }  # fmt: skip
    assert last["packet"] == packet.public_id and last["took_s"] > 0


def test_one_crowd_at_a_time(played, base):
    packet, go_on = sent(played), threading.Event()
    with pause.at("crowd: a bot is about to grab", go_on.wait, is_each=True):
        first = crowd.send(packet=packet, base=base)
        refused = ask("crowd", {"packet": packet.public_id})
        go_on.set()
        first.join()

    assert refused.status_code == 409
    crowd.send(packet=packet, base=base).join()


def test_the_door_sends_them(played, monkeypatch):
    went = []
    monkeypatch.setattr(crowd, "send", lambda **what: went.append(what))
    packet = sent(played)

    assert ask("crowd", {"packet": packet.public_id}).status_code == 202
    assert went == [{"packet": packet, "base": "http://testserver"}]


@pytest.mark.parametrize("door", ["crowd", "later"])
def test_packets_of_others_are_not_there(door, played):
    foreign = make.make_paid_packet()

    for packet in (foreign.public_id, "rp_aaaaaaaaaaaaaaaaaaaaaaaaaa", "x", None, 1):
        assert ask(door, {"packet": packet}).status_code == 404


# --- later


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
