"""RabbitMQ: whoever publishes hears that a quorum has his task, a countdown waits there, and a
broker that hangs costs nobody. Redis with Sentinels: tasks go on at another master."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from kombu import Connection

from kit import later
from kit.plumbing import brokers, metrics
from packets.models import RedPacket
from packets.states import Kind
from testing.make import confirm, make_group, make_paid_packet, make_reported_packet, user
from tests.races.brokers import Worker, rabbitmq, tasks_led_to, until, workers
from tests.races.dying import AT_WORK
from tests.races.redises import sentinels

pytestmark = pytest.mark.once
DEADLINE_S = 30


@pytest.fixture(scope="module")
def rabbit():
    with rabbitmq() as rabbit:
        yield rabbit


@pytest.fixture
def led(rabbit):
    """With an empty queue, and as if no worker had been here yet."""
    with tasks_led_to(rabbit.url):
        with Connection(rabbit.url) as session:
            session.default_channel.exchange_delete("celery_delayed_27")
            brokers.queue(rabbit.url)(session.default_channel).delete()
        yield rabbit


def published() -> float:
    """How many were lost of what was queued till now."""
    assert later._tasks.flush(DEADLINE_S)
    return metrics.DROPPED.labels("tasks")._value.get()


def test_a_task_waits_in_a_quorum_queue(led):
    before = published()

    later.run("packets.settle_packet", 1)

    assert published() == before
    assert later.depth() == 1
    classic = brokers.queue(led.url)
    classic.queue_arguments = {}
    with Connection(led.url) as session, pytest.raises(session.channel_errors, match="x-queue-typ"):
        classic(session.default_channel).declare()


def lose_one_on_the_way() -> float:
    """Countdowns go to an exchange that is not there; what is counted as lost of the two."""
    before = published()
    later.run("packets.settle_packet", 1)
    later.run("packets.finish_packet", 1, 1, in_s=1)
    return published() - before


def test_what_rabbitmq_did_not_take_is_counted(led):
    assert lose_one_on_the_way() == 1


def test_what_rabbitmq_did_not_take_is_counted_without_the_guard(led, monkeypatch):
    """Nobody waits for its word."""
    monkeypatch.setitem(later.current_app.conf.broker_transport_options, "confirm_publish", False)

    assert lose_one_on_the_way() == 0


def test_a_countdown_waits_at_the_broker_and_then_a_worker_has_it(led):
    packet = make_paid_packet(Kind.EQUAL, 1, "1.00")
    make_group("alice", "u1")
    assert user("u1").post(f"packets/{packet.public_id}/grab").json()["outcome"] == "grabbed"
    RedPacket.objects.update(expend_time=None, is_cli_handle=False)
    before = published()
    with workers() as begin:
        until(begin(led.url).is_ready)

        later.run("packets.finish_packet", packet.pk, 1, in_s=1)

        assert published() == before
        until(RedPacket.objects.filter(is_cli_handle=True).exists)


def test_a_hung_rabbitmq_costs_no_request(led, monkeypatch):
    make_group("alice", "u1", "u2")
    paid = make_paid_packet(Kind.EQUAL, 2, "1.00")
    reported, order = make_reported_packet(Kind.EQUAL, 2, "1.00")
    later.run("packets.settle_packet", 0)
    before, by = published(), []
    publish = later.broker.publish
    monkeypatch.setattr(
        later.broker, "publish", lambda *task: (by.append(threading.get_ident()), publish(*task))
    )

    led.tell(signal.SIGSTOP)
    try:
        for packet in (paid, reported):
            answer = user("u1").post(f"packets/{packet.public_id}/grab").json()
            assert answer["outcome"] == "grabbed"
        assert confirm(order, order.add_time)
        for number in range(20):
            later.run("packets.settle_packet", number)

        assert published() - before == 21
        assert len(by) == 1, "it is tried once, not once for each"
        assert by[0] != threading.get_ident()
        assert later.depth() is None
    finally:
        led.tell(signal.SIGCONT)

    later.broker.breaker.forget()
    later.run("packets.settle_packet", 1)
    assert published() - before == 21


@contextmanager
def master_killed_beside_work(app: str) -> Iterator[tuple[Worker, list[RedPacket]]]:
    """The broker has Sentinels; its master is killed while a worker has a task in its hands. Two
    packets wait for their end."""
    make_group("alice", "u1")
    packets = [make_paid_packet(Kind.EQUAL, 1, "1.00") for _ in range(2)]
    for packet in packets:
        assert user("u1").post(f"packets/{packet.public_id}/grab").json()["outcome"] == "grabbed"
    RedPacket.objects.update(expend_time=None, is_cli_handle=False)

    with sentinels() as (url, (master, replica)), tasks_led_to(url), workers() as begin:
        worker = begin(url, app)
        until(worker.is_ready)
        until(lambda: is_finished(packets[0]))
        later.run("packets.settle_packet", 0)
        until(lambda: worker.says(AT_WORK))

        master.kill()

        yield worker, packets
        assert replica.client.info()["role"] == "master"


def is_finished(packet: RedPacket) -> bool:
    """Sent again, as the sweep would: what the old master had may be gone with it."""
    later.broker.breaker.forget()
    later.run("packets.finish_packet", packet.pk, 3)
    later._tasks.flush()
    return RedPacket.objects.filter(pk=packet.pk, is_cli_handle=True).exists()


def test_a_worker_at_work_goes_on_when_its_master_is_killed():
    with master_killed_beside_work("tests.races.dying") as (worker, packets):
        until(lambda: is_finished(packets[1]))

        assert worker.process.poll() is None
        assert later.depth() is not None


def test_a_worker_at_work_goes_on_when_its_master_is_killed_without_the_guard():
    """It gives back what it holds to a broker that is gone, and ends by that."""
    with master_killed_beside_work("tests.races.fragile") as (worker, _):
        until(lambda: "Unrecoverable error" in worker.log.read_text())
        worker.kill()
        until(lambda: later.depth() is not None)
