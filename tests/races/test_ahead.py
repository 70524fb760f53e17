"""Redis ahead of the database, as after a failover that lost the last commits: no cent is made of a
copy, on either way to a ticket; each with its twin."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from kit import sql
from kit.http.caller import Caller
from kit.plumbing import redis
from kit.refusals import NotFound
from packets import grab
from packets.models import RedPacket, Share
from packets.refusals import NotIssued
from packets.states import Kind, Outcome, PayStatus
from packets.tickets import claim as grab_sql
from packets.tickets import desk
from packets.tickets import queue as tickets
from packets.tickets.queue import Ticket
from testing.make import confirm, make_packet, make_paid_packet, make_reported_packet
from wallets.models import LedgerLine, Wallet


def grab_it(packet, user_id="u1") -> grab.Grab:
    return grab.grab(public_id=packet.public_id, caller=Caller(user_id), now=timezone.now())


def header_says(packet, **fields) -> None:
    """The packet's keys are built from the table, and then its header says something else."""
    tickets.prepare(packet.public_id)
    key = f"packet:{{{packet.public_id}}}:h"
    assert redis.call(lambda r: r.hset(key, mapping=fields)) == 0, "a field that it had"


def header_says_issued(packet, status: PayStatus) -> None:
    tomorrow = timezone.now() + timedelta(days=1)
    header_says(packet, pay=status.value, expire=int(tomorrow.timestamp() * 1000))


def header_says_paid(packet) -> None:
    header_says_issued(packet, PayStatus.PAID)


def table_says_paid(monkeypatch) -> None:
    """The same for the way without Redis: what was looked at is paid, the row is not (any more)."""
    take = desk.take

    def ahead(**kwargs):
        found = take(**kwargs)
        return replace(found, pay_status=PayStatus.PAID) if isinstance(found, Ticket) else found

    monkeypatch.setattr(desk, "take", ahead)


@pytest.fixture(params=["redis", "table"])
def says_paid(request, monkeypatch, settings):
    """Make one of the two ways believe that this packet is paid."""
    if request.param == "table":
        settings.REDIS_URL = ""
        return lambda packet: table_says_paid(monkeypatch)
    request.getfixturevalue("with_redis")
    return header_says_paid


def believe_everything(monkeypatch) -> None:
    """The claim without what it asks of the packet's payment."""
    asked = f" AND {sql.column(RedPacket, 'pay_status')} IN (1, %s)"
    original = grab_sql.claim_sql(True)
    assert asked in original
    monkeypatch.setattr(
        grab_sql, "claim_sql", lambda is_group: original.replace(asked, " AND %s > 0")
    )


def test_paid_there_and_awaiting_here_is_taken_uncredited(says_paid):
    packet, order = make_reported_packet(Kind.EQUAL, 2, "1.00")
    says_paid(packet)

    won = grab_it(packet)

    assert won.outcome is Outcome.GRABBED
    assert not won.share.is_into_account
    assert not Share.objects.get(user_id="u1").is_into_account
    assert not LedgerLine.objects.exists()
    assert grab_it(packet).outcome is Outcome.ALREADY_GRABBED
    assert confirm(order, timezone.now())


@pytest.mark.broken_books
def test_paid_there_and_awaiting_here_without_the_guard(says_paid, monkeypatch):
    packet, _ = make_reported_packet(Kind.EQUAL, 2, "1.00")
    says_paid(packet)
    believe_everything(monkeypatch)
    # The till's own guard of the escrow would stop this; it is not the one that is tried here.
    monkeypatch.setattr(grab, "credit", lambda *_, **__: None)

    won = grab_it(packet)

    assert won.share.is_into_account, "credited out of an escrow that nobody has paid into"


@pytest.mark.parametrize("status", [PayStatus.PAID, PayStatus.AWAITING])
def test_issued_there_and_a_draft_here_is_not_issued(with_redis, status):
    packet = make_packet(Kind.EQUAL, 2, "1.00")
    header_says_issued(packet, status)

    with pytest.raises(NotIssued):
        grab_it(packet)

    assert not Share.objects.filter(user_id__isnull=False).exists()
    assert not Wallet.objects.exists()
    with pytest.raises(NotIssued):  # and the copy is gone
        grab_it(packet)


def test_a_later_deadline_there_than_here(with_redis):
    """The row's deadline is asked too: the copy's is not believed."""
    packet = make_paid_packet(Kind.EQUAL, 2, "1.00")
    header_says_paid(packet)
    RedPacket.objects.filter(pk=packet.pk).update(expire_time=timezone.now())

    assert grab_it(packet).outcome is Outcome.EXPIRED
    assert not Share.objects.filter(user_id="u1").exists()


def test_the_number_of_a_packet_that_was_lost(with_redis):
    """Numbers are given again after a failover: the copy of a lost packet names another's row."""
    lost = make_paid_packet(Kind.EQUAL, 2, "1.00")
    other = make_paid_packet(Kind.EQUAL, 2, "5.00")
    header_says(lost, id=other.pk)

    with pytest.raises(NotFound):
        grab_it(lost)

    assert not Share.objects.filter(user_id="u1").exists()
    assert grab_it(other).share.money == 5


@pytest.mark.broken_books
def test_the_number_of_a_packet_that_was_lost_without_the_guard(with_redis, monkeypatch):
    lost = make_paid_packet(Kind.EQUAL, 2, "1.00")
    other = make_paid_packet(Kind.EQUAL, 2, "5.00")
    header_says(lost, id=other.pk)
    asked = f"{sql.column(RedPacket, 'public_id')} = %s"
    original = grab_sql.claim_sql(True)
    assert asked in original
    monkeypatch.setattr(grab_sql, "claim_sql", lambda is_group: original.replace(asked, "'' < %s"))
    monkeypatch.setattr(grab, "credit", lambda *_, **__: None)

    assert grab_it(lost).share.money == 5

    assert Share.objects.get(user_id="u1").rp_id == other.pk, "out of the other packet"


def test_every_field_of_a_ticket_is_asked_again_or_never_changes():
    """Whoever gives a ticket another field says here why the claim may believe it."""
    asked = {"rp_id", "public_id", "position", "pay_status", "for_id"}
    never_changes = {"kind", "sender", "number"}  # of the packet of that name
    way = {"is_queued"}
    assert set(Ticket.__dataclass_fields__) == asked | never_changes | way
