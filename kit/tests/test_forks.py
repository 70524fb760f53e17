"""What a forked child takes over from its parent, and what not: a real fork of this process."""

import random
import re
import signal
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import OperationalError, connection
from prometheus_client import values

from kit import later, outside
from kit.http import caller, schema
from kit.plumbing import forks, handoff, logs, redis
from packets.api.service import EventViewSet
from payments.channels import config
from testing.forks import forked
from tests.test_house import sources

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 30  # a child that hangs is killed by its alarm, and fails


def child(work):
    def run():
        signal.alarm(DEADLINE_S)
        return work()

    return forked(run)


@contextmanager
def held(*locks):
    """Another thread holds them, as it may at the moment of a fork."""
    have, let_go = threading.Event(), threading.Event()

    def hold():
        for lock in locks:
            lock.acquire()
        have.set()
        let_go.wait()
        for lock in locks:
            lock.release()

    thread = threading.Thread(target=hold)
    thread.start()
    have.wait()
    yield
    let_go.set()
    thread.join()


def connection_id() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT CONNECTION_ID()")
        return cursor.fetchone()[0]


def test_the_database_is_asked_on_a_connection_of_ones_own(on_mariadb):
    """And the parent's session lives on, although the child has ended."""
    mine = connection_id()

    theirs = child(connection_id)

    assert theirs != mine
    assert connection_id() == mine


def test_the_database_is_asked_on_the_parents_connection_without_the_guard(on_mariadb, monkeypatch):
    """Child and parent speak on one session, and the child's good-bye ends it for both."""
    mine = connection_id()
    kept = connection.connection

    def as_it_was():
        connection.connection = kept
        return connection_id()

    assert child(as_it_was) == mine
    # Noticed before the next statement (a new session) or by it (an error): it is gone either way.
    try:
        assert connection_id() != mine
    except OperationalError:
        connection.close()


def test_redis_is_asked_on_a_connection_of_ones_own(with_redis):
    def client_id() -> int:
        redis.run("return 1", [], [])
        mine = redis.link_of_thread().connection
        mine.send_command("CLIENT", "ID")
        return mine.read_response()

    mine, pooled = client_id(), redis.call(lambda r: r.client_id())

    theirs = child(lambda: {client_id(), redis.call(lambda r: r.client_id())})

    assert not theirs & {mine, pooled}
    assert (client_id(), redis.call(lambda r: r.client_id())) == (mine, pooled)


def test_an_open_breaker_stays_with_the_parent():
    redis.breaker.failed()
    later.broker.breaker.failed()
    try:
        assert child(
            lambda: (redis.breaker.lets_through(), later.broker.breaker.lets_through())
        ) == (True, True)
    finally:
        later.broker.breaker.forget()
        redis.breaker.forget()


def test_a_lock_that_another_thread_held_is_free():
    def locks():
        return [
            caller.tokens._lock,
            config.kept._lock,
            EventViewSet._waiting,
            schema._making,
            *(queue._lock for queue in handoff._all),
        ]

    with held(*locks()):
        free = child(lambda: [lock.acquire(blocking=False) for lock in locks()])

    assert len(free) >= 6
    assert all(free)


def test_a_lock_that_another_thread_held_is_held_for_ever_without_the_guard():
    lock = threading.Lock()

    with held(lock):
        assert child(lambda: lock.acquire(blocking=False)) is False


def test_what_the_parent_queued_is_the_parents_and_the_child_has_a_thread_of_its_own():
    done: list[int] = []
    stop = threading.Event()
    queue = handoff.Handoff("test", lambda items: (done.extend(items), stop.wait()), most=10)
    queue.put(1)
    queue.put(2)  # waits behind the first

    def in_child():
        stop.set()
        queue.put(3)
        return queue.flush(DEADLINE_S), done[-1], threading.active_count()

    flushed, last, threads = child(in_child)
    stop.set()

    assert (flushed, last, threads) == (True, 3, 2)
    assert queue.flush(DEADLINE_S)
    assert done == [1, 2]


def test_a_thread_is_missing_without_the_guard(monkeypatch):
    """The child believes that its parent's thread is its own, and waits for it."""
    monkeypatch.setattr(forks, "in_child", lambda renew: renew)
    queue = handoff.Handoff("test", lambda items: None, most=10)
    queue.put(1)
    assert queue.flush(DEADLINE_S)

    assert child(lambda: queue.flush(0.1)) is False


def test_the_session_to_a_channel_is_not_shared():
    mine = outside.session_of_thread()

    assert child(lambda: outside.session_of_thread() is mine) is False
    assert outside.session_of_thread() is mine


def test_luck_differs():
    random.seed(1)
    state = random.getstate()

    first, second = (child(logs.new_request_id) for _ in range(2))

    random.setstate(state)
    assert len({first, second, logs.new_request_id()}) == 3


def test_figures_go_to_a_file_of_ones_own(tmp_path, monkeypatch):
    """Prometheus looks at the process id by itself: a new version that does not is noticed."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    value = values.MultiProcessValue()("counter", "n", "n_total", (), (), "")
    value.inc(1)

    child(lambda: value.inc(1))

    assert len(list(tmp_path.glob("counter_*.db"))) == 2
    assert value.get() == 1


# A lock is made by forks.lock(); the rest has to be renewed.
KEEPS = r"threading\.(local|Lock|RLock|Thread|Event|Condition)\(|\bSession\(\)|\bSimpleQueue\b"
HARMLESS = {
    "sandbox/notices.py",  # its thread ends with what it sends
    "sandbox/playground/crowd.py",  # so do its threads and their sessions
    "kit/plumbing/forks.py",  # renews
}


@pytest.mark.once
def test_whoever_keeps_a_thread_a_lock_or_a_connection_says_how_it_is_renewed():
    files = sources("packets", "payments", "wallets", "kit", "office", "sandbox", "redpacket_site")
    keep = {
        str(path.relative_to(ROOT)) for path in files if re.search(KEEPS, path.read_text())
    } - HARMLESS

    silent = {name for name in keep if "forks.in_child" not in (ROOT / name).read_text()}

    assert silent == set()
    assert keep >= {"kit/plumbing/handoff.py", "kit/outside.py"}
