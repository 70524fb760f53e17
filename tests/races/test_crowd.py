"""A crowd races for one packet from several processes, and the ground shakes."""

import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path
from unittest import mock

import pytest
from django.conf import settings
from django.utils import timezone

from kit.http.caller import Caller
from kit.models import Event
from kit.plumbing import redis
from packets import grab
from packets.models import RedPacket, Share
from packets.states import Kind
from packets.tasks import finish_taken
from packets.tickets import queue as tickets
from testing.forks import in_processes, in_threads
from testing.make import let_leases_run_out, make_group, make_paid_packet
from testing.storm import Progress
from wallets.models import LedgerLine, Wallet

PROCESSES, THREADS, USERS, SHARES = 8, 4, 200, 100


@pytest.fixture
def packet():
    make_group("alice", *(f"m{i}" for i in range(USERS)))
    return make_paid_packet(Kind.LUCKY, SHARES, "300.00")


def grab_until_answered(public_id: str, user_id: str) -> str:
    """As an app would: an unavailable answer (503) is tried again."""
    until = time.monotonic() + 120
    while True:
        try:
            return grab.grab(
                public_id=public_id, caller=Caller(user_id), now=timezone.now()
            ).outcome.value
        except Exception as error:
            if time.monotonic() > until:
                return type(error).__name__
            time.sleep(0.05)


def told(packet, meanwhile=None, answered: Progress | None = None) -> dict[str, str]:
    """What each user was told in the end; `answered` counts them while they are."""

    def ask(user: str, writer: int) -> tuple[str, str]:
        outcome = grab_until_answered(packet.public_id, user)
        if answered:
            answered.add(writer)
        return user, outcome

    def some(part: int) -> list[tuple[str, str]]:
        mine = [f"m{i}" for i in range(part, USERS, PROCESSES)]
        works = [
            lambda users=mine[thread::THREADS], writer=part * THREADS + thread: [
                ask(user, writer) for user in users
            ]
            for thread in range(THREADS)
        ]
        return [answer for answers in in_threads(works) for answer in answers]

    answers = in_processes(some, range(PROCESSES), meanwhile)
    return dict(answer for part in answers for answer in part)


def crowd(packet, meanwhile=None) -> Counter:
    return Counter(told(packet, meanwhile).values())


def assert_everything_went_out_once(packet) -> None:
    taken = Share.objects.filter(rp=packet, user_id__isnull=False)
    assert taken.count() == SHARES
    assert taken.values("user_id").distinct().count() == SHARES
    assert LedgerLine.objects.filter(source=f"escrow:{packet.public_id}").count() == SHARES
    winners = Wallet.objects.exclude(user_id="alice").values_list("balance", flat=True)
    assert f"{sum(winners):.2f}" == "300.00"


def test_200_users_race_for_100_shares(packet):
    outcomes = crowd(packet)

    assert outcomes == {"grabbed": SHARES, "too_slow": USERS - SHARES}
    assert_everything_went_out_once(packet)
    finish_taken()
    assert RedPacket.objects.get().expend_time is not None
    assert Event.objects.filter(type="packet.finished").count() == 1


def assert_nobody_lost(packet, outcomes: Counter) -> None:
    """The ground shook: an own grab in flight may read too_slow, but every share finds a taker."""
    assert set(outcomes) <= {"grabbed", "too_slow", "already_grabbed"}, outcomes
    let_leases_run_out()
    for i in range(USERS):
        grab.grab(public_id=packet.public_id, caller=Caller(f"m{i}"), now=timezone.now())
    assert_everything_went_out_once(packet)


def test_redis_flushed_in_the_middle(packet, with_redis):
    def flush():
        for _ in range(20):
            time.sleep(0.02)
            redis.call(lambda r: r.flushdb())

    outcomes = crowd(packet, flush)

    assert_nobody_lost(packet, outcomes)


@pytest.fixture
def own_redis(with_redis):
    """A Redis that this test may kill."""
    folder = tempfile.mkdtemp(prefix="hongbao-")
    path = f"{folder}/redis.sock"
    command = ["redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--dir", folder]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while not Path(path).exists():
        time.sleep(0.02)
    import redis as driver

    def connection():
        return driver.Redis.from_url(f"unix://{path}", socket_timeout=0.5, retry=None)

    made = connection()
    with mock.patch.object(redis, "client", lambda: made):
        yield process
    process.kill()
    process.wait()


def test_redis_killed_in_the_middle(own_redis, packet):
    tickets.prepare(packet.public_id)

    def kill():
        time.sleep(0.15)
        own_redis.kill()

    outcomes = crowd(packet, kill)

    assert_nobody_lost(packet, outcomes)


def test_no_redis_at_all(packet, monkeypatch):
    monkeypatch.setattr(settings, "REDIS_URL", "")

    outcomes = crowd(packet)

    assert outcomes == {"grabbed": SHARES, "too_slow": USERS - SHARES}
    assert_everything_went_out_once(packet)


def test_one_user_50_times_at_once(packet):
    def some(_part: int) -> list[str]:
        return in_threads([lambda: grab_until_answered(packet.public_id, "m1")] * 10)

    outcomes = Counter(outcome for part in in_processes(some, range(5)) for outcome in part)

    assert outcomes["grabbed"] == 1
    assert set(outcomes) <= {"grabbed", "already_grabbed", "too_slow"}
    assert sum(outcomes.values()) == 50
    share = Share.objects.get(user_id="m1")
    assert Wallet.objects.get(user_id="m1").balance == share.money
    assert LedgerLine.objects.filter(target="wallet:m1").count() == 1
