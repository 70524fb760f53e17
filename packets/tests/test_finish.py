"""The last share is gone: the packet is finished once, by the table's word."""

from datetime import timedelta

import pytest
from django.utils import timezone

from kit import later
from kit.http.caller import Caller
from kit.models import Event
from packets import finish, grab
from packets.models import RedPacket
from packets.states import Kind, PayStatus
from testing.make import make_paid_packet


def taken(packet: RedPacket, *users: str, after_s: int = 0) -> None:
    """By users who do not see the end."""
    now = packet.pay_time + timedelta(seconds=after_s)
    for user in users:
        grab.grab(public_id=packet.public_id, caller=Caller(user), now=now)


@pytest.fixture
def unseen(monkeypatch):
    """Nobody who takes a share looks whether it was the last one."""
    look = finish.if_gone
    monkeypatch.setattr(finish, "if_gone", lambda rp_id: None)
    return look


def test_it_is_finished_by_the_last_share_and_once(unseen):
    packet = make_paid_packet(Kind.EQUAL, 2, "1.00")
    taken(packet, "u1", after_s=3)

    assert not finish.finish(rp_id=packet.pk)
    taken(packet, "u2", after_s=7)
    assert finish.finish(rp_id=packet.pk)
    assert not finish.finish(rp_id=packet.pk)

    packet.refresh_from_db()
    assert (packet.expend_time, packet.is_cli_handle) == (7, True)
    told = Event.objects.get(type="packet.finished").data
    assert (told["expend_time"], told["best_luck"]) == (7, None)


def test_a_lucky_one_tells_who_had_the_best_luck(unseen):
    packet = make_paid_packet(Kind.LUCKY, 3, "10.00")
    taken(packet, "u1", "u2", "u3")

    assert finish.finish(rp_id=packet.pk)

    best = packet.shares.get(is_good=True).user_id
    assert Event.objects.get(type="packet.finished").data["best_luck"] == best


def test_who_looks_too_early_has_it_looked_at_again(unseen, monkeypatch):
    asked = []
    monkeypatch.setattr(later, "run", lambda *task, **how: asked.append((task, how)))
    packet = make_paid_packet(Kind.EQUAL, 2, "1.00")
    taken(packet, "u1")

    unseen(packet.pk)

    assert asked == [(("packets.finish_packet", packet.pk, 1), {"in_s": 1})]
    taken(packet, "u2")
    unseen(packet.pk)
    unseen(packet.pk)
    assert len(asked) == 1


def test_what_waits_to_be_finished_is_found(unseen):
    gone, left = make_paid_packet(Kind.EQUAL, 1, "1.00"), make_paid_packet(Kind.EQUAL, 2, "1.00")
    taken(gone, "u1")
    taken(left, "u1")

    waiting = set(finish.unfinished(PayStatus.PAID).values_list("pk", flat=True))

    assert waiting == {gone.pk, left.pk}
    assert finish.all_taken([gone.pk, left.pk]) == [gone.pk]
    assert finish.finish(rp_id=gone.pk)
    assert [packet.pk for packet in finish.unfinished(PayStatus.PAID)] == [left.pk]


@pytest.mark.parametrize(("seconds", "whole"), [(-5, 0), (0.9, 0), (1.0, 1), (61.999, 61)])
def test_seconds_are_whole_and_never_below_zero(seconds, whole):
    now = timezone.now()

    assert finish.seconds_between(now, now + timedelta(seconds=seconds)) == whole
