"""Two doors for a grab, one answer: bytes, headers, line of the log, figures (decision 0032)."""

import json
import urllib.request
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from io import BytesIO

import pytest
from django.db import OperationalError, connection, connections
from django.test import RequestFactory
from django.utils import timezone

from kit import outside
from kit.http import middleware, throttle
from kit.http.caller import Caller
from kit.plumbing import redis
from kit.refusals import Unavailable
from packets import close, grab, members
from packets import freeze as packet_freeze
from packets.states import Kind
from packets.tickets import queue as tickets
from redpacket_site import wsgi
from redpacket_site.front import Front
from sandbox.management.commands.token import token
from testing.forks import forked
from testing.make import (
    end,
    make_expired_packet,
    make_group,
    make_packet,
    make_paid_packet,
    make_reported_packet,
    service,
)
from tests.flows.doors import Wish
from tests.flows.doors import doors as doors
from wallets import freeze as wallet_freeze

UNKNOWN = "rp_" + "a" * 26


def take(packet, *users: str, now=None) -> None:
    for user in users:
        grab.grab(public_id=packet.public_id, caller=Caller(user), now=now or timezone.now())


# --- The table of api.md


def won(user: str) -> Wish:
    return Wish(make_paid_packet(Kind.EQUAL, 3, "1.00").public_id, user)


def won_and_awaiting(user: str) -> Wish:
    packet, _ = make_reported_packet(Kind.EQUAL, 3, "1.00")
    return Wish(packet.public_id, user)


def the_last_one(user: str) -> Wish:
    return Wish(make_paid_packet(Kind.EQUAL, 1, "1.00").public_id, user)


def already(user: str) -> Wish:
    packet = make_paid_packet(Kind.EQUAL, 3, "1.00")
    take(packet, user)
    return Wish(packet.public_id, user)


def already_and_left(user: str) -> Wish:
    wish = already(user)
    members.remove(group_id="g1", user_id=user)
    return wish


def too_slow(user: str, **more) -> Wish:
    packet = make_paid_packet(Kind.EQUAL, 1, "1.00")
    take(packet, "alice")
    return Wish(packet.public_id, user, **more)


def expired(user: str) -> Wish:
    return Wish(make_expired_packet().public_id, user)


def gone_and_expired(user: str) -> Wish:
    packet = make_expired_packet(Kind.EQUAL, 1, "1.00")
    take(packet, "alice", now=packet.expire_time - timedelta(seconds=1))
    return Wish(packet.public_id, user)


def unknown(user: str) -> Wish:
    return Wish(UNKNOWN, user)


def stranger(user: str) -> Wish:
    wish = won(user)
    members.remove(group_id="g1", user_id=user)
    return wish


def not_the_addressee(user: str) -> Wish:
    return Wish(make_paid_packet(Kind.PERSONAL, 1, "5.00", for_id="bob").public_id, user)


def own(user: str) -> Wish:
    packet = make_paid_packet(Kind.PERSONAL, 1, "5.00", sender=user, for_id="bob")
    return Wish(packet.public_id, user)


def for_others(user: str) -> Wish:
    named = make_paid_packet(Kind.EXCLUSIVE, 1, "1.00", for_users=["u3"])
    return Wish(named.public_id, user)


def his_own(user: str) -> Wish:
    make_group("alice", "u1", "u2", "u3")
    named = make_paid_packet(Kind.EXCLUSIVE, 1, "1.00", for_users=[user])
    return Wish(named.public_id, user)


def his_own_already(user: str) -> Wish:
    wish = his_own(user)
    grab.grab(public_id=wish.packet, caller=Caller(user), now=timezone.now())
    return wish


def his_own_expired(user: str) -> Wish:
    make_group("alice", "u1", "u2", "u3")
    named = make_expired_packet(Kind.EXCLUSIVE, 1, "1.00", for_users=[user])
    return Wish(named.public_id, user)


def not_issued(user: str) -> Wish:
    return Wish(make_packet().public_id, user)


def closed(user: str) -> Wish:
    packet = make_packet()
    assert close.close(packet=packet, now=packet.draft_until)
    return Wish(packet.public_id, user)


def void(user: str) -> Wish:
    packet, order = make_reported_packet()
    assert end(order, timezone.now())
    return Wish(packet.public_id, user)


def frozen_packet(user: str) -> Wish:
    wish = won(user)
    packet_freeze.freeze(public_id=wish.packet, reason="looks odd", now=timezone.now())
    return wish


def frozen_wallet(user: str) -> Wish:
    wallet_freeze.freeze(user_id=user, reason="looks odd", now=timezone.now())
    return won(user)


def throttled(user: str) -> Wish:
    """As if he had asked a thousand times within this minute."""
    wish, key = won(user), throttle.key(throttle.GRAB, user)
    if redis.is_configured():
        seconds, _ = redis.call(lambda r: r.time())
        redis.call(lambda r: r.set(key, (seconds + 100) * 1000, ex=60))
    throttle._buckets[key] = 10**15
    return wish


BY_REDIS = [
    too_slow,
    expired,
    gone_and_expired,
    stranger,
    not_the_addressee,
    own,
    not_issued,
    closed,
    void,
    frozen_packet,
    frozen_wallet,
    throttled,
    for_others,
    his_own_expired,
]
BY_THE_DATABASE_TOO = [
    won,
    won_and_awaiting,
    the_last_one,
    already,
    already_and_left,
    his_own,
    his_own_already,
    unknown,
]
ROWS = [*BY_REDIS, *BY_THE_DATABASE_TOO]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.__name__)
def test_both_doors_give_the_same_answer(doors, settings, row):
    settings.REDPACKET_THROTTLE = row is throttled
    mine, theirs = row("u1"), row("u2")
    for wish in (mine, theirs) if row in BY_REDIS else (too_slow("u3"),):
        doors(wsgi.django, wish)  # a crowd finds what it asks for built

    front = doors(doors.front, mine)

    by, asked = doors.answered_by, doors.asked
    django = doors(wsgi.django, theirs)
    assert front.anonymous(mine) == django.anonymous(theirs)
    assert by == "front"
    assert asked == doors.asked
    if redis.is_configured() and row in BY_REDIS:
        assert asked == 1


# --- Odd requests


def test_figures_and_line_tell_how_it_ended(doors):
    wish = too_slow("u1")

    answer = doors(doors.front, wish)

    route = "('route', 'api/v1/packets/<str:pk>/grab')"
    assert answer.figures == {
        f"hongbao_requests_total [{route}, ('status', '200')]": 1,
        f"hongbao_request_seconds_count [{route}]": 1,
        "hongbao_grabs_total [('outcome', 'too_slow')]": 1,
    }
    (line,) = answer.lines
    assert line.items() >= {"code": "too_slow", "one_of": 1, "caller": "u1", "status": 200}.items()
    assert ("X-Request-ID", line["request_id"]) in answer.headers


BEARERS = [
    "",
    "Bearer",
    "Bearer x",
    "Basic YTpi",
    f"Bearer {'x' * 5000}",
    "Bearer ключ",
    "bearer  x",
]
FRONT, DJANGO = "front", "django"
LONG = 64 * 1024
CHUNKED = {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}
ENDED = CHUNKED | {"wsgi.input_terminated": True}


def chunked(size: int) -> dict:
    return ENDED | {"wsgi.input": BytesIO(b"x" * size)}


@pytest.mark.parametrize(
    ("more", "by"),
    [
        *(({"headers": {"Authorization": bearer}}, FRONT) for bearer in BEARERS),
        ({"headers": {"Authorization": f"Bearer {token('u1', -60)}"}}, FRONT),
        ({"headers": {"Authorization": service().bearer, "Accept-Language": "en"}}, FRONT),
        ({"headers": {"Authorization": f"Bearer {service().bearer}"}}, FRONT),
        *(
            ({"headers": {"Authorization": "Bearer x", "Accept-Language": language}}, FRONT)
            for language in ("en", "zh-Hans", "fr, en;q=0.5", "*", "x" * 600)
        ),
        ({"headers": {"Authorization": "Bearer x", "Cookie": "django_language=en"}}, FRONT),
        *(
            ({"headers": {"X-Request-ID": given}}, FRONT)
            for given in ("mine-1", "x" * 64, "x" * 65, "a b", "請求")
        ),
        ({"headers": {"Accept": "text/html"}}, FRONT),
        ({"headers": {"Accept": "nonsense", "Accept-Encoding": "gzip, br"}}, FRONT),
        ({"headers": {"Content-Encoding": "gzip", "Expect": "100-continue"}}, FRONT),
        ({"headers": {"X-Forwarded-Host": "evil.example"}}, FRONT),
        ({"environ": {"QUERY_STRING": "a=1&a=2"}}, FRONT),
        *(({"headers": {"Host": host}}, DJANGO) for host in ("evil.example", "", "a b", "[::1")),
        *(({"method": method}, DJANGO) for method in ("GET", "HEAD", "OPTIONS", "PUT", "post")),
        *(({"packet": packet}, DJANGO) for packet in ("rp_x", "", ".", "%", "a/b")),
        ({"environ": {"PATH_INFO": f"/api/v1/packets/{UNKNOWN}\n/grab"}}, DJANGO),
        ({"packet": UNKNOWN.upper()}, DJANGO),
        ({"packet": f"{UNKNOWN}/grab"}, DJANGO),
        *(({"body": b"x" * size}, FRONT) for size in (1, LONG)),
        ({"body": b"x" * (LONG + 1)}, DJANGO),
        ({"environ": {"CONTENT_LENGTH": "many"}}, FRONT),
        ({"environ": CHUNKED}, DJANGO),
        *(({"environ": chunked(size)}, FRONT) for size in (0, 1, LONG)),
        ({"environ": chunked(LONG + 1)}, DJANGO),
    ],
)
def test_both_doors_take_an_odd_request_alike(doors, more, by):
    wish = too_slow("u1")
    doors(wsgi.django, wish)
    wish = Wish(**{"packet": wish.packet, "user": "u1"} | more)
    answers = []

    for door in (doors.front, wsgi.django):
        if source := more.get("environ", {}).get("wsgi.input"):
            source.seek(0)
        answers.append(doors(door, wish).anonymous(wish))
        if door is doors.front:
            assert doors.answered_by == by

    assert answers[0] == answers[1]


@pytest.mark.parametrize("path", ["wallet", "packets", "packets/x/pay", "grab", "packets/grab"])
def test_what_is_no_grab_goes_by(doors, monkeypatch, path):
    monkeypatch.setattr(grab, "grab", None)
    request = RequestFactory().post(f"/api/v1/{path}").environ

    doors.front(request, lambda *_: None).close()

    assert doors.answered_by == "django"
    assert middleware.BEGAN not in request


def test_a_host_is_let_in_by_django_first(doors, settings):
    """The rule of ALLOWED_HOSTS is asked there, once for each spelling."""
    settings.ALLOWED_HOSTS = [".example.com"]
    wish = too_slow("u1")
    by = {}

    for host in ("a.example.com", "b.example.com:80", "a.example.org"):
        wish.headers = {"Host": host}
        by[host] = [doors(doors.front, wish).status[:3] + doors.answered_by for _ in range(2)]

    assert by == {
        "a.example.com": ["200django", "200front"],
        "b.example.com:80": ["200django", "200front"],
        "a.example.org": ["400django", "400django"],
    }


# --- Who answers what


def test_a_winner_is_answered_in_front(with_redis, doors):
    doors(wsgi.django, too_slow("u2"))  # the group and the frozen wallets are built
    wish = won("u1")
    left = redis.call(lambda r: r.llen(tickets._keys(wish.packet)[1]))

    answer = doors(doors.front, wish)

    assert json.loads(answer.body)["outcome"] == "grabbed"
    assert (doors.answered_by, doors.asked) == ("front", 1)
    assert redis.call(lambda r: r.llen(tickets._keys(wish.packet)[1])) == left - 1


def test_without_redis_the_front_goes_by_the_table(doors, settings):
    settings.REDIS_URL = ""
    wish = won("u1")

    answer = doors(doors.front, wish)

    assert json.loads(answer.body)["outcome"] == "grabbed"
    assert doors.answered_by == "front"


def test_the_chat_server_is_asked_briefly(doors, settings, monkeypatch):
    """As by Django: who is answered here waits, so what he waits for is short."""
    wish, heard = won("u1"), []
    settings.REDPACKET_MEMBERS_URL = "http://127.0.0.1:1"

    def is_member(group_id, user_id):
        heard.append(outside.somebody_waits())
        return True

    monkeypatch.setattr(members, "is_member", is_member)

    answer = doors(doors.front, wish)

    assert json.loads(answer.body)["outcome"] == "grabbed"
    assert set(heard) == {True}
    assert not outside.somebody_waits()


def test_a_redis_that_fails_is_asked_once_and_then_left_alone(with_redis, doors, monkeypatch):
    asked = []

    def dead(source, keys, args):
        asked.append(source)
        raise OSError("gone")

    wishes = won("u1"), too_slow("u2")
    monkeypatch.setattr(redis, "evaluate", dead)
    monkeypatch.setattr(redis, "BROKEN_S", 600)

    answers = [json.loads(doors(doors.front, wish).body)["outcome"] for wish in wishes]

    assert answers == ["grabbed", "too_slow"]
    assert asked == [tickets.TAKE]


def break_front(monkeypatch, how: Callable) -> None:
    """how(grab) in place of the verb, for the first one who calls it."""
    verb = grab.grab

    def broken(**wish):
        monkeypatch.setattr(grab, "grab", verb)
        return how(partial(verb, **wish))

    monkeypatch.setattr(grab, "grab", broken)


def fail_at_once(_verb):
    raise ValueError("a bug")


def fail_after_all(verb):
    verb()
    raise ValueError("a bug")


@pytest.mark.parametrize(
    ("how", "outcome"), [(fail_at_once, "grabbed"), (fail_after_all, "already_grabbed")]
)
def test_a_bug_in_front_costs_time_and_no_answer(doors, monkeypatch, how, outcome):
    wish = won("u1")
    break_front(monkeypatch, how)

    answer = doors(doors.front, wish)

    assert (answer.status, json.loads(answer.body)["outcome"]) == ("200 OK", outcome)
    told, line = answer.lines
    assert json.loads(told).items() >= {"event": "front_failed", "level": "error"}.items()
    assert line["code"] == outcome


def test_time_spent_before_django_counts(doors, monkeypatch):
    wish = won("u1")
    break_front(monkeypatch, fail_at_once)
    began = []
    monkeypatch.setattr(middleware, "done", lambda at, *_, **__: began.append(at))

    def told(environ, start_response):
        began.append(environ[middleware.BEGAN])
        return wsgi.django(environ, start_response)

    doors(Front(told), wish)

    assert began[0] == began[-1]


@pytest.mark.parametrize("problem", [Unavailable, OperationalError])
def test_what_fails_reads_the_same_at_both_doors(doors, monkeypatch, problem):
    """503, its header, its error in the log, and the request's line."""
    wish = won("u1")
    answers = []

    def fail(_verb):
        raise problem(1205, "lock wait over") if problem is OperationalError else problem()

    for door in (doors.front, wsgi.django):
        break_front(monkeypatch, fail)
        answers.append(doors(door, wish))

    front, django = answers
    assert front.status.startswith("503")
    assert sorted(map(type, front.lines), key=repr) == sorted(map(type, django.lines), key=repr)
    assert (front.status, front.figures) == (django.status, django.figures)
    assert [name for name, _ in front.headers] == [name for name, _ in django.headers]
    assert [line["code"] for line in front.lines if isinstance(line, dict)] == ["unavailable"]


def test_a_connection_that_broke_in_front_is_not_kept(doors, monkeypatch):
    """Django looks at it before and after each of its requests; here only who saw it fail does."""
    wish, looked_at = won("u1"), []

    def fail(_verb):
        connection.errors_occurred = True
        raise OperationalError(2013, "lost")

    monkeypatch.setattr(type(connections["default"]), "is_usable", lambda self: looked_at.append(1))
    break_front(monkeypatch, fail)

    assert doors(doors.front, wish).status.startswith("503")
    assert (looked_at, connection.connection) == ([1], None)
    assert json.loads(doors(doors.front, wish).body)["outcome"] == "grabbed"


def test_a_forked_child_goes_on_with_it(with_redis, doors):
    wish = too_slow("u1")
    doors(doors.front, wish)

    def in_child():
        answers = [doors(doors.front, wish).body for _ in range(3)]
        return doors.answered_by, answers

    by, answers = forked(in_child)

    assert by == "front"
    assert set(answers) == {doors(doors.front, wish).body}


def test_over_a_real_socket(live):
    wish = too_slow("u1")
    said = []
    for _ in range(2):  # the first brings its Host, which Django lets in; the second meets the door
        request = urllib.request.Request(
            f"{live}/api/v1/packets/{wish.packet}/grab",
            method="POST",
            headers={"Authorization": f"Bearer {token('u1', 3600)}", "X-Request-ID": "mine"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            headers = [pair for pair in answer.getheaders() if pair[0] != "Date"]
            said.append((answer.status, headers, answer.read()))

    assert said[0] == said[1]
    assert ("X-Request-ID", "mine") in said[0][1]


# --- The log of a crowd


def test_of_a_crowd_one_line_of_many_is_kept(doors, settings, monkeypatch):
    settings.REDPACKET_LOG_REFUSED_ONE_OF = 5
    wish = too_slow("u1")
    errors = Wish(wish.packet, "u1", headers={"Authorization": "Bearer x"})
    for door in (doors.front, wsgi.django):
        refused = [doors(door, wish) for _ in range(20)]
        wins = [doors(door, won(f"u{number}")) for number in (2, 3)]
        wrong = [doors(door, errors) for _ in range(3)]

        kept = [line for answer in refused for line in answer.lines]
        assert [line["one_of"] for line in kept] == [5] * 4
        assert all(answer.figures for answer in refused)
        for answer in (*wins, *wrong):
            assert ["one_of" in line for line in answer.lines] == [False]
