"""What is kept of a draft that nobody paid, and for how long."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from office.frame.staff import Note
from office.models import StaffAction
from packets import close
from packets.models import RedPacket, Share
from packets.states import Kind
from packets.tasks import forget_old
from testing.make import (
    confirm,
    end,
    make_expired_packet,
    make_order,
    make_packet,
    make_paid_packet,
    make_reported_packet,
    user,
)
from wallets.audit import audit
from wallets.statement import balance

KEPT = timedelta(days=7)


def make_closed(*, days: int = 10, **kwargs) -> RedPacket:
    """Closed on its day, so many days ago."""
    packet = make_packet(now=timezone.now() - timedelta(days=days), **kwargs)
    assert close.close(packet=packet, now=packet.draft_until)
    packet.refresh_from_db()
    return packet


def forgotten(now=None) -> int:
    return close.forget(now=now or timezone.now())


def test_a_draft_is_kept_for_a_week_after_it_closed():
    packet = make_closed()

    assert packet.forget_at == packet.closed_at + KEPT
    assert forgotten(packet.forget_at - timedelta(microseconds=1)) == 0
    assert user("alice").get(f"packets/{packet.public_id}").json()["state"] == "closed"
    assert forgotten(packet.forget_at) == 1

    assert not RedPacket.objects.exists()
    assert not Share.objects.exists()
    assert user("alice").get(f"packets/{packet.public_id}").status_code == 404


def test_the_sweep_drops_every_chunk(monkeypatch):
    monkeypatch.setattr(close, "CHUNK", 2)
    for _ in range(5):
        make_closed(kind=Kind.EQUAL, number=2)

    assert forget_old() == 5
    assert not Share.objects.exists()


def test_a_draft_that_an_order_names_loses_its_shares_alone():
    packet = make_packet(now=timezone.now() - timedelta(days=10))
    order = make_order(packet)
    assert end(order, timezone.now())
    assert close.close(packet=packet, now=packet.draft_until)

    assert forgotten() == 1
    assert forgotten() == 0

    packet.refresh_from_db()
    assert packet.forget_at is None
    assert not Share.objects.exists()
    assert user("alice").get(f"packets/{packet.public_id}").json()["state"] == "closed"


@pytest.mark.parametrize("with_order", [True, False])
def test_money_that_comes_for_a_forgotten_draft_waits_for_finance(with_order):
    packet = make_packet(now=timezone.now() - timedelta(days=10))
    order = make_order(packet)
    assert end(order, timezone.now())
    assert close.close(packet=packet, now=packet.draft_until)
    assert forgotten() == 1
    if not with_order:
        RedPacket.objects.all().delete()

    assert not confirm(order, timezone.now())

    assert balance("alice").balance == 0


def test_a_draft_that_staff_acted_on_is_kept():
    packet = make_closed()
    staff = get_user_model().objects.create_user("lin", is_staff=True)
    note = Note(staff, "freeze_packet", packet, "looked into")
    note.keep(True)

    assert StaffAction.objects.exists()
    assert forgotten() == 1
    assert RedPacket.objects.get().forget_at is None


def test_nothing_that_was_issued_is_ever_dropped():
    make_paid_packet()
    make_expired_packet()
    _, order = make_reported_packet()
    assert end(order, timezone.now())  # void
    RedPacket.objects.update(forget_at=timezone.now() - KEPT)  # whatever a row may say

    assert forgotten() == 0

    assert RedPacket.objects.count() == 3
    assert Share.objects.count() == 9


@pytest.mark.broken_books
def test_the_audit_misses_no_share_of_a_forgotten_draft_and_each_one_of_another():
    packet = make_closed()
    Share.objects.filter(position=1).delete()
    assert "shares_are_all_there" in {finding.rule for finding in audit()}

    Share.objects.all().delete()
    assert audit() == []
    RedPacket.objects.filter(pk=packet.pk).update(closed_at=None)
    assert "shares_are_all_there" in {finding.rule for finding in audit()}
