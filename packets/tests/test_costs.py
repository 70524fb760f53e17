"""What a grab and a packet page cost, counted: exact on any machine (docs/hot-path.md)."""

import json
from contextlib import contextmanager

import pytest
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from kit.http.caller import Caller
from kit.plumbing import redis
from packets import grab
from packets.states import Kind
from packets.tickets import desk
from redpacket_site import wsgi
from sandbox.management.commands.token import token
from testing.make import make_group, make_paid_packet, user

WIN = ["BEGIN", "UPDATE", "INSERT", "INSERT", "INSERT", "COMMIT"]


def take(packet, user_id: str) -> str:
    """A grab as the server sends it, with all that Django does around a request."""
    path = f"/api/v1/packets/{packet.public_id}/grab"
    headers = {"Authorization": f"Bearer {token(user_id, 3600)}"}
    environ = RequestFactory().post(path, headers=headers).environ
    response = wsgi.application(environ, lambda *_: None)
    try:
        return json.loads(b"".join(response))["outcome"]
    finally:
        if response.__class__ is not list:  # Django's
            response.close()


@contextmanager
def statements():
    """The first word of each SQL statement sent within, BEGIN and COMMIT too."""
    words: list[str] = []
    with CaptureQueriesContext(connection) as captured:
        yield words
    for query in captured.captured_queries:
        words += [statement.split()[0] for statement in query["sql"].split("; ")]


@contextmanager
def trips(monkeypatch):
    """What goes to MariaDB within, piece by piece."""
    from MySQLdb.connections import Connection  # without MariaDB the driver need not be there

    sent: list[str] = []
    query, commit = Connection.query, Connection.commit
    with monkeypatch.context() as patched:
        patched.setattr(
            Connection, "query", lambda self, text: sent.append(text.decode()) or query(self, text)
        )
        patched.setattr(
            Connection, "commit", lambda self: sent.append("COMMIT") or commit(self), raising=False
        )
        yield sent


@contextmanager
def redis_commands():
    """The commands that reach our Redis number within; not those that a script calls inside."""
    words: list[str] = []
    mine = redis.link_of_thread().connection
    with redis.client().monitor() as monitor:
        yield words
        mine.send_command("ECHO", "that is all")
        mine.read_response()
        while True:
            seen = monitor.next_command()
            if seen["db"] != mine.db or seen["client_type"] == "lua":
                continue
            if "that is all" in seen["command"]:
                return
            words.append(seen["command"].split()[0])


@pytest.fixture
def without_redis(settings):
    settings.REDIS_URL = ""


@pytest.fixture
def first_position(monkeypatch):
    """The look for an untaken share starts at position 1."""
    monkeypatch.setattr(desk.random, "randint", lambda least, most: least)


@pytest.fixture(params=["as it is served", "Django alone"])
def door(request, monkeypatch):
    """Both doors of a grab; the first hands on to the second what it does not answer."""
    if request.param == "Django alone":
        monkeypatch.setattr(wsgi, "application", wsgi.django)


@pytest.fixture
def packet(door):
    """Three shares, one of them taken, so that all keys are built."""
    packet = make_paid_packet(Kind.LUCKY, 3, "10.00")
    assert take(packet, "u1") == "grabbed"
    return packet


@pytest.fixture
def gone(packet):
    """The same, all taken."""
    assert take(packet, "u2") == take(packet, "u3") == "grabbed"
    return packet


def test_refusal_sends_no_sql(with_redis, gone):
    with statements() as sent:
        outcome = take(gone, "u4")

    assert outcome == "too_slow"
    assert sent == []


def test_refusal_is_one_redis_command(with_redis, gone):
    with redis_commands() as sent:
        outcome = take(gone, "u4")

    assert outcome == "too_slow"
    assert sent == ["EVALSHA"]


def test_refusal_makes_no_connection(with_redis, gone):
    before = connection.connection, redis.link_of_thread(), redis.link_of_thread().connection._sock

    assert take(gone, "u4") == "too_slow"

    assert before == (
        connection.connection,
        redis.link_of_thread(),
        redis.link_of_thread().connection._sock,
    )
    assert None not in before


def test_win_sends_six_statements(with_redis, packet):
    with statements() as sent:
        outcome = take(packet, "u2")

    assert outcome == "grabbed"
    assert sent == WIN


def test_win_is_three_trips_to_mariadb(with_redis, on_mariadb, packet, monkeypatch):
    """BEGIN goes with the claim; balance, line and event are sent together."""
    with trips(monkeypatch) as sent:
        outcome = take(packet, "u2")

    assert outcome == "grabbed"
    parts = [[statement.split()[0] for statement in trip.split("; ")] for trip in sent]
    assert parts == [["BEGIN", "UPDATE"], ["INSERT"] * 3, ["COMMIT"]]


def test_already_grabbed_sends_one_statement(with_redis, packet):
    with statements() as sent:
        outcome = take(packet, "u1")

    assert outcome == "already_grabbed"
    assert sent == ["SELECT"]


@pytest.mark.parametrize(("user", "answer"), [("u2", "grabbed"), ("u1", "already_grabbed")])
def test_a_share_is_one_redis_command(with_redis, packet, user, answer):
    with redis_commands() as sent:
        outcome = take(packet, user)

    assert outcome == answer
    assert sent == ["EVALSHA"]


def test_win_without_redis_asks_three_questions_more(without_redis, first_position, packet):
    """The packet and an untaken share before, whether it was the last one after."""
    with statements() as sent:
        outcome = take(packet, "u2")

    assert outcome == "grabbed"
    assert sent == ["SELECT", "SELECT", *WIN, "SELECT"]


def test_already_grabbed_without_redis_sends_two_statements(without_redis, packet):
    with statements() as sent:
        outcome = take(packet, "u1")

    assert outcome == "already_grabbed"
    assert sent == ["SELECT", "SELECT"]


def test_refusal_without_redis_sends_three_statements(without_redis, gone):
    """The packet, what is untaken behind a random position, what is untaken at all."""
    with statements() as sent:
        outcome = take(gone, "u4")

    assert outcome == "too_slow"
    assert sent == ["SELECT", "SELECT", "SELECT"]


@pytest.mark.parametrize("number", [1, 10, 100])
def test_packet_page_sends_four_statements_at_most(number):
    takers = [f"u{i}" for i in range(1, number + 1)]
    make_group("alice", "bystander", *takers)
    packet = make_paid_packet(Kind.LUCKY, number, "100.00")
    for taker in takers:
        grab.grab(public_id=packet.public_id, caller=Caller(taker), now=timezone.now())
    sent = {}

    for viewer in ("alice", "u1", "bystander"):
        with statements() as sent[viewer]:
            shares = user(viewer).get(f"packets/{packet.public_id}").json()["shares"]
        assert len(shares) == number

    # The packet, its shares, their takers' profiles; for the bystander whether he is a member.
    assert {viewer: len(words) for viewer, words in sent.items()} == {
        "alice": 3,
        "u1": 3,
        "bystander": 4,
    }
