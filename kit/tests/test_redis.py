"""The breaker, and the connections that a failure makes worthless."""

import socket
import struct
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from kit.plumbing import redis
from testing import rules
from testing.forks import in_threads


def test_one_caller_tries_a_broken_redis_and_the_others_go_without():
    breaker = redis.new_breaker()
    assert breaker.lets_through()

    breaker.failed()
    assert not breaker.lets_through()
    breaker.until = time.monotonic() - 0.001  # the pause is over

    assert [breaker.lets_through() for _ in range(3)] == [True, False, False]


def test_success_closes_the_breaker(with_redis):
    redis.breaker.failed()
    redis.breaker.until = time.monotonic() - 0.001

    answers = [redis.run("return 7", [], []) for _ in range(3)]

    assert answers == [7, 7, 7]


def test_one_lost_connection_renews_all_of_them(with_redis):
    """A restart of Redis costs one failure, not one in each thread."""
    mine = connect()
    with ThreadPoolExecutor(1) as another:
        theirs = another.submit(connect).result()
        mine.send_command("CLIENT", "ID")
        redis.client().client_kill_filter(_id=mine.read_response())

        with pytest.raises(redis.Down):
            connect()
        redis.breaker.forget()

        assert connect() is not mine
        assert another.submit(connect).result() is not theirs


def test_one_spoilt_key_is_no_reason_to_go_without_redis(with_redis):
    redis.call(lambda r: r.set("spoilt", "text"))

    for command in (
        lambda: redis.run("return redis.call('LPOP', KEYS[1])", ["spoilt"], []),
        lambda: redis.run("return 1 .. nil", [], []),
        lambda: redis.call(lambda r: r.lpop("spoilt")),
    ):
        with pytest.raises(redis.Down):
            command()

        assert redis.run("return 7", [], []) == 7
    redis.call(lambda r: r.delete("spoilt"))


def test_a_server_that_cannot_write_is_gone_without(with_redis):
    with pytest.raises(redis.Down):
        redis.run("return redis.error_reply('READONLY You can not write here')", [], [])

    assert not redis.breaker.lets_through()


@pytest.fixture(autouse=True)
def as_if_nothing_had_happened():
    yield
    redis._renew()


class Interrupted(Exception):
    """As a worker's time limit, raised by a signal wherever its thread is."""


class Interrupting:
    """A socket at which the time limit strikes between a question and its answer."""

    def __init__(self, sock):
        self.sendall = sock.sendall

    def recv(self, size):
        raise Interrupted


def interrupted_and_asked_again():
    """The answer to a second question, asked after a first one whose answer nobody has read."""
    first, second = "return 'the first one'", "return 'the second one'"
    for script in (first, second):
        redis.run(script, [], [])  # the server knows both from now on
    link = redis.link_of_thread()
    real, link.wire = link.wire, Interrupting(link.wire)
    with pytest.raises(Interrupted):
        redis.run(first, [], [])
    link.wire = real
    return redis.run(second, [], [])


def test_an_answer_that_nobody_read_is_read_by_nobody(with_redis):
    assert interrupted_and_asked_again() == b"the second one"


def test_it_is_read_by_the_next_one_without_the_guard(with_redis, monkeypatch):
    connect()
    link = redis.link_of_thread()
    monkeypatch.setattr(redis, "link_of_thread", lambda: link)  # it stays, whatever befell it

    assert interrupted_and_asked_again() == b"the first one"


def test_a_silent_redis_is_waited_for_no_longer_than_the_settings_say(with_redis):
    """The kernel ends the wait."""
    connect()
    redis.link_of_thread().connection.send_command("CLIENT", "REPLY", "OFF")  # to this one alone

    with pytest.raises(redis.Down) as down:
        redis.run("return 1", [], [])

    assert isinstance(down.value.__cause__, BlockingIOError)


@pytest.mark.parametrize("limit_s", [0.25, 1.5, None])
def test_the_kernel_knows_the_limit(with_redis, monkeypatch, limit_s):
    """None: it waits without end."""
    monkeypatch.setitem(redis.client().connection_pool.connection_kwargs, "socket_timeout", limit_s)

    link = redis._Link()

    for option in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):
        told = struct.unpack("@ll", link.wire.getsockopt(socket.SOL_SOCKET, option, 16))
        assert told[0] + told[1] / 1e6 == pytest.approx(limit_s or 0, abs=0.01)  # it counts ticks
    assert link.ask("ECHO", "here") == b"here"


def test_a_lost_script_is_sent_again(with_redis):
    connect()
    redis.call(lambda r: r.script_flush())

    assert redis.run("return 1", [], []) == 1


def connect():
    """This thread's connection, used."""
    assert redis.run("return 1", [], []) == 1
    return redis.link_of_thread().connection


def test_each_thread_keeps_a_connection_of_its_own(with_redis):
    first, second = in_threads([lambda: (connect(), connect())] * 2)

    assert first[0] is first[1]
    assert second[0] is second[1]
    assert first[0] is not second[0]


def test_a_key_without_an_end_fails_the_test_that_made_it(with_redis):
    """conftest.py looks after each test."""
    redis.call(lambda r: r.set("ends", 1, ex=60))
    redis.call(lambda r: r.set("for ever", 1))

    assert rules.kept_for_ever() == ["for ever"]
    redis.call(lambda r: r.delete("for ever"))
