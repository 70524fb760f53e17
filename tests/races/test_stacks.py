"""The same race on every stack that docs/scale.md offers: 200 users from eight processes for 100
shares of a packet whose payment is confirmed meanwhile, while Redis is flushed and a part of the
stack is killed. Afterwards every share has gone out once, whoever was told that he has one has it,
all of them are credited, and the audit finds nothing."""

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone

from kit.plumbing import redis
from packets import settle
from packets.models import RedPacket, SettlementPass, Share
from packets.states import Kind
from packets.tickets import queue as tickets
from payments.models import PaymentOrder
from testing.make import confirm, make_group, make_paid_packet, make_reported_packet, user
from testing.storm import Progress
from tests.races.brokers import rabbitmq, tasks_led_to, workers
from tests.races.dying import AT_WORK
from tests.races.redises import REDIS, VALKEY, cluster, led_to, one, sentinels
from tests.races.test_crowd import (
    PROCESSES,
    SHARES,
    THREADS,
    USERS,
    assert_nobody_lost,
    told,
)
from wallets.audit import audit

if connection.vendor == "mysql":
    from tests.races.pair import pair_of_servers

PATIENCE_S = 180


def run_passes(packet: RedPacket) -> None:
    for number in (1, 2):
        soon = timezone.now() + timedelta(seconds=60)
        settle.run_pass(rp_id=packet.pk, number=number, now=soon)


@dataclass
class Stack:
    """Who is killed in the middle of the race, who credits the shares, and what must hold beside
    once it is over."""

    kill: Callable[[RedPacket], object]
    settle: Callable[[RedPacket], object] = run_passes
    after: Callable[[RedPacket], object] = lambda packet: None


def until(is_so) -> None:
    end = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.05)


def ready(part: str = "redis") -> str:
    return Client().get("/health/ready").json()["parts"][part]


@contextmanager
def one_redis(settings) -> Iterator[Stack]:
    """It is killed."""
    with one() as (url, server), led_to(url, settings):
        yield Stack(kill=lambda packet: server.kill())


@contextmanager
def redis_with_sentinels(settings, program: str = REDIS) -> Iterator[Stack]:
    """The master is killed, its replica takes over."""
    with sentinels(program) as (url, (master, replica)), led_to(url, settings):

        def kill(packet):
            master.kill()
            until(lambda: replica.client.info()["role"] == "master")

        def after(packet):
            until(lambda: ready() == "ok")  # the other one is found without a restart of ours
            assert replica.client.exists("ready")

        yield Stack(kill, after=after)


@contextmanager
def valkey_with_sentinels(settings) -> Iterator[Stack]:
    if not VALKEY:
        pytest.skip("Valkey is not installed; ops/setup.sh valkey installs it")
    with redis_with_sentinels(settings, VALKEY) as stack:
        yield stack


@contextmanager
def redis_cluster(settings) -> Iterator[Stack]:
    """Of three masters that of the packet is killed, and nobody follows it."""
    with cluster() as (url, servers), led_to(url, settings):

        def master_of(packet):
            node = redis.client().get_node_from_key(f"packet:{{{packet.public_id}}}:h")
            (found,) = [server for server in servers if server.port == node.port]
            return found

        def goes_by_its_queue(dead) -> bool:
            """Whether a packet of a master that is left is grabbed by its ticket."""
            packet = make_paid_packet(Kind.EQUAL, 2, "1.00")
            if master_of(packet) is dead:
                return False
            user("m1").post(f"packets/{packet.public_id}/grab")
            takers = f"packet:{{{packet.public_id}}}:t"
            try:
                return bool(redis.call(lambda r: r.hexists(takers, "m1"), takers))
            except redis.Down:
                time.sleep(redis.BROKEN_S)
                return False

        def after(packet):
            assert ready() == "down", "what is not whole is said"
            # A busy machine may have been too slow for those that are left, too.
            until(lambda: goes_by_its_queue(master_of(packet)))

        yield Stack(lambda packet: master_of(packet).kill(), after=after)


@contextmanager
def rabbitmq_and_workers(settings) -> Iterator[Stack]:
    """A worker is killed in the middle of pass one; another one is given its task, and does it."""
    with (
        one() as (url, _),
        led_to(url, settings),
        rabbitmq() as rabbit,
        tasks_led_to(rabbit.url),
        workers() as begin,
    ):
        first = begin(rabbit.url, "tests.races.dying")
        until(first.is_ready)
        passes = SettlementPass.objects.filter(number=1)

        def kill(packet):
            until(lambda: first.says(AT_WORK))
            first.kill()

        def settle(packet):
            assert passes.filter(done_at=None).count() == 1, "nobody else has done it"
            begin(rabbit.url)
            until(lambda: not passes.filter(done_at=None).exists())
            run_passes(packet)

        yield Stack(kill, settle)


@contextmanager
def primary_killed(settings) -> Iterator[Stack]:
    """MariaDB's, semi-synchronous: what was committed for somebody is at the other server before
    he hears of it."""
    with one() as (url, _), led_to(url, settings), pair_of_servers() as pair:
        yield Stack(lambda packet: pair.kill_and_fail_over())


@contextmanager
def switched_over(settings) -> Iterator[Stack]:
    """MariaDB's primary takes no more writes, the other one becomes the primary: as planned."""
    with one() as (url, _), led_to(url, settings), pair_of_servers() as pair:
        yield Stack(lambda packet: pair.switch_over())


EVERYWHERE = [one_redis]
ON_MARIADB = [
    redis_with_sentinels,
    valkey_with_sentinels,
    redis_cluster,
    rabbitmq_and_workers,
    primary_killed,
    switched_over,
]


@pytest.fixture(params=[*EVERYWHERE, *ON_MARIADB], ids=lambda stack: stack.__name__)
def stack(request, settings):
    if request.param in ON_MARIADB and not getattr(connection, "mysql_is_mariadb", False):
        pytest.skip("MariaDB's leg runs it")
    if not shutil.which("redis-server"):
        pytest.skip("Redis is not installed; ops/setup.sh full installs it")
    with request.param(settings) as stack:
        yield stack


def test_200_race_for_100_while_it_is_flushed_and_killed(stack):
    make_group("alice", *(f"m{i}" for i in range(USERS)))
    packet, order = make_reported_packet(Kind.LUCKY, SHARES, "300.00")
    tickets.prepare(packet.public_id)
    assert ready() == "ok"
    answered = Progress(PROCESSES * THREADS)

    def shake():
        until(lambda: answered.total() >= SHARES // 4)
        flush()
        confirm_until_taken(order)
        flush()
        stack.kill(packet)

    outcomes = told(packet, shake, answered)

    # Whoever only reads would stay at the old primary; readiness notices.
    until(lambda: ready("database") == "ok")
    winners = {name for name, outcome in outcomes.items() if outcome == "grabbed"}
    holders = set(Share.objects.exclude(user_id=None).values_list("user_id", flat=True))
    assert winners - holders == set(), "shares that were acknowledged are gone"
    stack.settle(packet)
    assert_nobody_lost(packet, Counter(outcomes.values()))
    assert not Share.objects.filter(is_into_account=False).exists()
    stack.after(packet)
    assert audit() == []


def flush() -> None:
    with suppress(redis.Down):
        redis.empty()


def confirm_until_taken(order: PaymentOrder) -> None:
    """As a channel does, which repeats its notice."""
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            confirm(order, timezone.now())
            return
        except OperationalError:
            assert time.monotonic() < end
