"""Tickets without Redis. That they say what the queue says is held by tests/races."""

from collections import Counter

from django.db import transaction
from django.utils import timezone

from packets.models import Share
from packets.states import Kind
from packets.tickets import desk
from testing.make import make_group, make_paid_packet

TRIES = 200


def most_offered() -> int:
    """How often of 200 times the same one of the last ten of 100 positions is offered."""
    members = [f"u{at}" for at in range(1, 100)]
    make_group("alice", "late", *members)
    packet, now = make_paid_packet(Kind.EQUAL, 100, "100.00"), timezone.now()
    with transaction.atomic():
        for position, user_id in enumerate(members[:90], 1):
            shares = Share.objects.filter(rp=packet, position=position)
            shares.update(user_id=user_id, update_time=now)
        tickets = [
            desk.take(public_id=packet.public_id, user_id="late", now=now) for _ in range(TRIES)
        ]
        transaction.set_rollback(True)
    offered = Counter(ticket.position for ticket in tickets)
    assert min(offered) > 90
    return max(offered.values())


def test_a_crowd_is_not_sent_to_the_one_share_behind_those_that_are_gone():
    """Whoever finds it spent comes again, is sent there again, and is answered 503 in the end."""
    assert most_offered() < TRIES / 2


def test_the_first_behind_the_gap_would_be_everybodys(monkeypatch):
    monkeypatch.setattr(desk, "NEAR", 1)

    assert most_offered() > TRIES / 2
