"""A replica for what may be some seconds old: lists tell of when they are, one that is too far
behind is not asked, and nothing is decided by it."""

import time
from contextlib import nullcontext
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.db.models import F
from django.utils import timezone

from kit import heartbeat, replica, retry
from kit.http.caller import Caller
from kit.models import Heartbeat
from kit.plumbing.replica import ALIAS
from office import roles
from packets import finish, grab, refund
from packets.models import RedPacket, Share
from packets.states import Kind
from testing import desk
from testing.make import make_group, make_paid_packet
from wallets.audit import audit
from wallets.models import LedgerLine, Wallet

if connection.vendor == "mysql":
    from tests.races.pair import pair_of_servers

LIST = "/admin/wallets/ledgerline/"


@pytest.fixture(scope="module")
def follower(test_database, django_db_blocker):
    """The replica's server, with the product led to both."""
    if not getattr(connection, "mysql_is_mariadb", False):
        pytest.skip("MariaDB's leg runs it")
    with django_db_blocker.unblock(), pair_of_servers() as pair:
        own = connection.settings_dict
        there = {**own["OPTIONS"], "unix_socket": str(pair.replica.socket)}
        connections.settings[ALIAS] = {**own, "OPTIONS": there}
        try:
            yield pair.replica
        finally:
            connections[ALIAS].close()
            del connections[ALIAS]
            del connections.settings[ALIAS]


@pytest.fixture
def behind(follower, settings):
    """behind(): from now on the replica learns nothing, having learnt all till now."""
    settings.DATABASE_ROUTERS = ["kit.plumbing.replica.Router"]

    def stop() -> None:
        Heartbeat.objects.create(name="a-sign", at=heartbeat.database_now())
        end = time.monotonic() + 30
        while not Heartbeat.objects.using(ALIAS).filter(name="a-sign").exists():
            assert time.monotonic() < end
        follower.ask("STOP SLAVE SQL_THREAD")
        replica.forget()

    yield stop
    replica.forget()
    follower.ask("START SLAVE")


def test_a_list_is_read_there_and_says_of_when_it_is(behind, settings):
    auditor = desk.staff(roles.AUDITOR)
    make_group("alice", "u1", "u2")
    make_paid_packet(Kind.EQUAL, 2, "1.00")
    behind()
    seen = LedgerLine.objects.count()
    make_paid_packet(Kind.EQUAL, 2, "1.00")

    answer = auditor.get(LIST)

    assert len(answer.context_data["cl"].result_list) == seen
    assert "Read from the replica" in answer.content.decode()
    exported = auditor.post(f"{LIST}export/", {"format": "csv"}).content.decode()
    assert f"rows: {seen}" in exported and "Read from the replica, as of: " in exported
    assert replica.lag_s(replica.seen_until()) >= 0

    settings.REDPACKET_REPLICA_LAG_S = 0
    replica.forget()
    answer = auditor.get(LIST)

    assert len(answer.context_data["cl"].result_list) == LedgerLine.objects.count() > seen
    assert "Read from the replica" not in answer.content.decode()


def test_an_audit_there_sees_one_moment_and_writes_here(behind, monkeypatch):
    make_group("alice", "u1", "u2")
    make_paid_packet(Kind.EQUAL, 2, "1.00")
    behind()
    wallet = Wallet.objects.filter(user_id="alice")
    wallet.update(balance=F("balance") + 1)  # of which the replica knows nothing

    assert audit() == []
    monkeypatch.setattr(replica, "is_configured", lambda: False)
    assert audit() != []

    wallet.update(balance=F("balance") - 1)
    monkeypatch.undo()
    with replica.reads():
        packet = RedPacket.objects.get()
        assert packet._state.db == ALIAS
        packet.save()
    assert packet._state.db == "default"


def test_it_is_late_when_it_lacks_what_the_primary_has(behind):
    """When nobody leaves a sign of life, it has all that there is."""
    behind()
    newest = Heartbeat.objects.latest("at").at
    long_ago, later_on = newest - timedelta(hours=1), newest + timedelta(seconds=31)
    assert replica.is_late(replica.seen_until()) is False

    Heartbeat.objects.update(at=later_on)
    assert replica.is_late(replica.seen_until()) is True

    Heartbeat.objects.update(at=long_ago)
    assert replica.is_late(replica.seen_until()) is False
    Heartbeat.objects.all().delete()
    assert replica.is_late(replica.seen_until()) is False


def finish_by_the_replica() -> bool:
    """Its one share was taken after the replica had stopped to learn."""
    packet = RedPacket.objects.get()
    grab.grab(public_id=packet.public_id, caller=Caller("u1"), now=timezone.now())
    RedPacket.objects.update(expend_time=None, is_cli_handle=False)
    with replica.reads() as seen_until:
        assert seen_until is not None
        is_finished = finish.finish(rp_id=packet.pk)
        assert not Share.objects.filter(user_id="u1").exists(), "what only looks is read there"
    return is_finished


@pytest.fixture
def one_share(behind):
    make_group("alice", "u1")
    packet = make_paid_packet(Kind.EQUAL, 1, "1.00")
    behind()
    return packet


def test_nothing_is_decided_by_the_replica(one_share):
    assert finish_by_the_replica() is True


def test_nothing_is_decided_by_the_replica_without_the_guard(one_share, monkeypatch):
    monkeypatch.setattr(retry, "reading", lambda alias: nullcontext())

    assert finish_by_the_replica() is False


def test_what_expires_goes_home_by_the_primary(behind):
    make_group("alice", "u1", "u2")
    packet = make_paid_packet(Kind.EQUAL, 2, "1.00")
    behind()
    grab.grab(public_id=packet.public_id, caller=Caller("u1"), now=timezone.now())

    with replica.reads():
        refund.refund_expired(rp_id=packet.pk, now=packet.pay_time + timedelta(days=2))

    packet.refresh_from_db()
    assert f"{packet.return_money:.2f}" == "1.00"


def test_a_replica_that_is_gone_is_done_without(behind, monkeypatch):
    behind()
    options = connections[ALIAS].settings_dict["OPTIONS"]
    connections[ALIAS].close()
    monkeypatch.setitem(options, "unix_socket", "/nowhere")
    replica.forget()

    with replica.reads() as seen_until:
        assert seen_until is None
        assert Heartbeat.objects.filter(name="a-sign").exists()
    assert replica.lag_s(replica.seen_until()) is None
