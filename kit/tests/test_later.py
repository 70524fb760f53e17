"""Publishing: never on the answer's way, and no broker, dead or silent, keeps anybody waiting."""

import threading
from socket import socket

import pytest
from celery import current_app

from kit import later
from kit.plumbing import filebroker, metrics

DEADLINE_S = 30  # for the publishing thread; the caller is never asked to wait


@pytest.fixture
def broker():
    """broker(url): the publishing thread meets this one from now on."""
    later._tasks.flush(DEADLINE_S)
    names = ("broker_url", "broker_write_url", "broker_transport_options")
    before = {name: getattr(current_app.conf, name) for name in names}

    def use(url: str, options: dict | None = None) -> None:
        told = (url, url, options or {})
        current_app.conf.update(dict(zip(names, told, strict=True)))
        later.broker.__init__()

    yield use
    later._tasks.flush(DEADLINE_S)
    later._tasks.lost()
    current_app.conf.update(before)
    later.broker.__init__()


class Silent:
    """A broker that is hung: it accepts, by the kernel, and never says a word."""

    def __init__(self):
        self.listening = socket()
        self.listening.bind(("127.0.0.1", 0))
        self.listening.listen(50)
        self.url = f"//127.0.0.1:{self.listening.getsockname()[1]}"


@pytest.fixture
def silent():
    silent = Silent()
    yield silent
    silent.listening.close()


def dropped() -> float:
    return metrics.DROPPED.labels("tasks")._value.get()


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_a_silent_broker_keeps_nobody_waiting(broker, silent, scheme, monkeypatch):
    """The caller only queues; the publishing thread gives up once, and not once for each."""
    broker(f"{scheme}:{silent.url}")
    by, before = [], dropped()
    publish = later.broker.publish
    monkeypatch.setattr(
        later.broker, "publish", lambda *task: (by.append(threading.get_ident()), publish(*task))
    )

    for i in range(20):
        later.run("packets.settle_packet", i)

    assert later._tasks.flush(DEADLINE_S)
    assert len(by) == 1
    assert by[0] != threading.get_ident()
    assert dropped() - before == 20
    assert not later.broker.breaker.lets_through()


def test_more_than_the_queue_holds_is_lost_and_not_kept(broker, silent, monkeypatch):
    broker(f"redis:{silent.url}")
    stuck, before = threading.Event(), dropped()
    monkeypatch.setattr(later.broker, "publish", lambda *task: stuck.wait())
    later.run("packets.settle_packet", 0)
    while not later._tasks._items.empty():
        pass

    for i in range(later.TASKS_MAX + 5):
        later.run("packets.settle_packet", i)

    assert dropped() - before == 5
    stuck.set()


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1", "amqp://127.0.0.1:1", "nonsense://x"])
def test_run_never_raises(broker, url):
    broker(url)
    before = dropped()

    later.run("packets.settle_packet", 1)

    assert later._tasks.flush(DEADLINE_S)
    assert dropped() - before == 1


def test_tasks_arrive_and_what_was_lost_is_said(broker, tmp_path, monkeypatch):
    broker(f"{filebroker.SCHEME}://localhost", filebroker.options(tmp_path / "b"))
    said = []
    monkeypatch.setattr(later.log, "warning", lambda event, **more: said.append((event, more)))
    later._tasks.lose(2)

    later.run("packets.finish_packet", 1, 2, in_s=4)
    later.run("packets.settle_packet", 3)

    assert later._tasks.flush(DEADLINE_S)
    assert len(list((tmp_path / "b" / "messages").glob("*.msg"))) == 2
    assert said == [("tasks_dropped", {"count": 2})]
