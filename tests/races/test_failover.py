"""The database fails over: what was answered stays, and nobody keeps talking to the old primary.
In a race: test_stacks.py."""

import time

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone

from kit import retry
from kit.http.caller import Caller
from kit.plumbing.mysql import base
from packets import grab
from packets.models import Share
from packets.states import Kind
from testing.make import make_group, make_paid_packet
from wallets.audit import audit

if connection.vendor == "mysql":
    from tests.races.pair import pair_of_servers

pytestmark = pytest.mark.usefixtures("mariadb_alone")


@pytest.fixture
def pair():
    with pair_of_servers() as pair:
        yield pair
        assert audit() == []


@pytest.fixture
def packet(pair):
    make_group("alice", "u1", "u2")
    packet = make_paid_packet(Kind.EQUAL, 2, "1.00")
    assert server() == 1  # this session is at the old primary
    return packet


def grabs(packet) -> str:
    return grab.grab(
        public_id=packet.public_id, caller=Caller("u1"), now=timezone.now()
    ).outcome.value


def test_a_switch_over_is_noticed(pair, packet):
    """By what writes, by readiness, and by age where nothing is written."""
    another = connection.copy()
    assert server(another) == 1
    pair.take_away_writes()
    ready = Client().get("/health/ready")
    assert (ready.status_code, ready.json()["parts"]["database"]) == (503, "read only")
    assert server() == 1  # the address still leads there

    pair.switch_over()

    assert (server(), server(another)) == (1, 1)
    assert grabs(packet) == "grabbed"
    assert server() == 2
    assert Share.objects.filter(user_id="u1").count() == 1
    another.close_at = time.monotonic()
    assert server(another) == 2
    another.close()
    ready = Client().get("/health/ready")
    assert (ready.status_code, ready.json()["parts"]["database"]) == (200, "ok")


def test_a_switch_over_is_noticed_without_the_guard(pair, packet, monkeypatch):
    """Each write fails at the old primary, for ever."""
    monkeypatch.setattr(base, "READ_ONLY", set())
    monkeypatch.setattr(retry, "CONFLICTS", {1213, 1205})
    pair.switch_over()

    for _ in range(3):
        with pytest.raises(OperationalError, match="read-only"):
            grabs(packet)
    assert server() == 1
    connection.close()


def server(session=connection) -> int:
    with session.cursor() as cursor:
        cursor.execute("SELECT @@server_id")
        return cursor.fetchone()[0]


def test_a_killed_primary_takes_along_what_no_follower_had_without_the_guard(pair, packet):
    """Not semi-synchronous, and a follower that is a moment behind."""
    pair.primary.ask("SET GLOBAL rpl_semi_sync_master_enabled = OFF")
    pair.replica.ask("STOP SLAVE IO_THREAD")
    assert grabs(packet) == "grabbed"

    pair.kill_and_fail_over()

    assert not Share.objects.filter(user_id="u1").exists()
    assert server() == 2


def test_a_switch_over_that_leaves_the_old_one_open_loses_grabs_without_the_guard(pair, packet):
    """Whoever is connected there goes on writing what nobody will see. (Semi-synchronous, it would
    only take its time: the whole time-out for each.)"""
    pair.primary.ask("SET GLOBAL rpl_semi_sync_master_enabled = OFF")
    pair.switch_over(is_safe=False)

    assert grabs(packet) == "grabbed"
    connection.close()
    assert server() == 2
    assert not Share.objects.filter(user_id="u1").exists()
