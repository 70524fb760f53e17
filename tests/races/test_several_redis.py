"""A crowd races while one of several Redis servers dies; and what a Cluster changes for a grab."""

import time
from collections import Counter

import pytest
from django.test import Client
from django.utils import timezone

from kit.http import checks
from kit.plumbing import redis
from packets import members
from packets.models import Share
from packets.states import Kind
from packets.tickets import queue as tickets
from tests.make import make_group, make_paid_packet, make_wallet, user
from tests.races.redises import cluster, led_to, one, sentinels
from tests.races.test_crowd import SHARES, USERS, assert_nobody_lost, crowd
from wallets import freeze
from wallets.audit import audit

pytestmark = pytest.mark.usefixtures("with_redis")


def ready() -> str:
    return Client().get("/health/ready").json()["parts"]["redis"]


def make_crowds_packet():
    make_group("alice", *(f"m{i}" for i in range(USERS)))
    packet = make_paid_packet(Kind.LUCKY, SHARES, "300.00")
    tickets.prepare(packet.public_id)
    return packet


def until(is_so) -> None:
    end = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_master_under_sentinels_killed_in_the_middle(settings):
    with sentinels() as (url, (master, replica)), led_to(url, settings):
        packet = make_crowds_packet()
        assert ready() == "ok"

        def kill():
            time.sleep(0.15)
            master.kill()
            until(lambda: replica.client.info()["role"] == "master")

        outcomes = crowd(packet, kill)

        assert_nobody_lost(packet, outcomes)
        until(lambda: ready() == "ok")  # the other one is found without a restart of ours
        assert replica.client.exists("ready")
        assert audit() == []


def of_master(server, public_id: str) -> bool:
    return redis.client().get_node_from_key(f"packet:{{{public_id}}}:h").port == server.port


def test_master_of_a_cluster_killed_in_the_middle(settings):
    with cluster() as (url, servers), led_to(url, settings):
        packet = make_crowds_packet()
        assert ready() == "ok"
        (its,) = [server for server in servers if of_master(server, packet.public_id)]

        def kill():
            time.sleep(0.15)
            its.kill()

        outcomes = crowd(packet, kill)

        assert_nobody_lost(packet, outcomes)
        assert audit() == []
        assert ready() == "down", "what is not whole is said"
        # A busy machine may have been too slow for those that are left, too.
        until(lambda: goes_by_its_queue(its))


def goes_by_its_queue(dead) -> bool:
    """Whether a packet of a master that is left is grabbed by its ticket, not by the table."""
    packet = make_paid_packet(Kind.EQUAL, 2, "1.00")
    if of_master(dead, packet.public_id):
        return False
    assert grab(packet, "m1") == "grabbed"
    takers = f"packet:{{{packet.public_id}}}:t"
    try:
        return bool(redis.call(lambda r: r.hexists(takers, "m1"), takers))
    except redis.Down:
        time.sleep(redis.BROKEN_S)
        return False


def grab(packet, user_id: str) -> str:
    answer = user(user_id).post(f"packets/{packet.public_id}/grab").json()
    return answer.get("outcome") or answer["code"]


def test_all_that_one_redis_does_for_a_grab_a_cluster_does(settings):
    with cluster() as (url, servers), led_to(url, settings):
        make_group("alice", "u1", "u2", "u3")
        make_wallet("u3", "1.00")
        packets = [make_paid_packet(Kind.EQUAL, 3, "1.00") for _ in range(4)]

        assert [grab(packet, "u1") for packet in packets] == ["grabbed"] * 4
        assert grab(packets[0], "u1") == "already_grabbed"
        assert grab(packets[0], "stranger") == "not_found"
        members.add(group_id="g1", user_id="stranger")
        assert grab(packets[0], "stranger") == "grabbed", "a refusal is not remembered"
        members.remove(group_id="g1", user_id="u1")
        late = make_paid_packet(Kind.EQUAL, 3, "1.00")
        assert grab(late, "u1") == "not_found", "what is remembered has not the last word"
        freeze_wallet("u3")
        assert grab(late, "u3") == "wallet_frozen"
        assert Share.objects.filter(user_id__isnull=False).count() == 5

        settings.REDPACKET_THROTTLE = True
        said = Counter(grab(packets[1], "u2") for _ in range(40))
        assert said["grabbed"] == 1
        assert said["throttled"] > 0

        kept = [(key, s.client.ttl(key)) for s in servers for key in s.client.scan_iter()]
        assert kept
        assert [key for key, left in kept if left < 0] == []


def freeze_wallet(user_id: str) -> None:
    freeze.freeze(user_id=user_id, reason="a test", now=timezone.now())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--maxmemory", "64mb", "--maxmemory-policy", "volatile-lru"), []),
        (("--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru"), ["allkeys-lru throws"]),
        (("--maxmemory", "0"), ["maxmemory is not set"]),
    ],
)
def test_a_redis_that_forgets_tasks_or_has_no_bound_is_refused(settings, options, says):
    with one(*options) as url, led_to(url, settings):
        found = list(checks._of_redis())

    assert len(found) == len(says)
    assert all(fault.startswith(start) for fault, start in zip(found, says, strict=True))
