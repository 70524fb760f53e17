"""The queue of positions in Redis: each once, put back when it was lost, gone by the table."""

import time

import pytest
from django.utils import timezone

from kit.http.caller import Caller
from kit.plumbing import redis
from packets import grab
from packets.models import RedPacket
from packets.states import Kind, Outcome, PayStatus
from packets.tickets import queue
from packets.tickets.queue import Taken, Ticket
from testing.make import make_paid_packet, make_reported_packet

pytestmark = pytest.mark.usefixtures("with_redis")


def take(packet: RedPacket, user: str, **more):
    return queue.take(
        public_id=packet.public_id, user_id=user, now=timezone.now(), member=None, **more
    )


def grabbed(packet: RedPacket, user: str) -> Outcome:
    made = grab.grab(public_id=packet.public_id, caller=Caller(user), now=timezone.now())
    return made.outcome


def test_each_position_once_and_then_nothing_is_left():
    packet = make_paid_packet(Kind.EQUAL, 2, "1.00")

    first, second, third = (take(packet, user) for user in ("u1", "u2", "u3"))

    assert [first.position, second.position] == [1, 2]
    assert isinstance(first, Ticket) and first.rp_id == packet.pk
    assert third is Outcome.TOO_SLOW


def test_the_queue_is_not_asked_once_the_table_says_that_all_are_gone():
    """The crowd that comes just after the last share is the largest."""
    packet = make_paid_packet(Kind.EQUAL, 1, "1.00")
    grab.grab(public_id=packet.public_id, caller=Caller("u1"), now=timezone.now())
    redis.call(lambda r: r.rpush(f"packet:{{{packet.public_id}}}:q", 1))
    redis.call(lambda r: r.expire(f"packet:{{{packet.public_id}}}:q", 60))

    assert take(packet, "u2") is Outcome.TOO_SLOW


def test_the_same_user_is_told_that_he_has_one():
    packet = make_paid_packet(Kind.EQUAL, 2, "1.00")
    take(packet, "u1")

    assert take(packet, "u1") == Taken(packet.pk, in_flight=True)


def test_what_is_given_back_is_for_the_next_one():
    packet = make_paid_packet(Kind.EQUAL, 1, "1.00")
    ticket = take(packet, "u1")

    queue.give_back(ticket, "u1")

    assert take(packet, "u1") == Taken(packet.pk, in_flight=False), "his commit may be there"
    assert take(packet, "u2").position == 1


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("between", [[], ["u2"], ["u2", "u3"]])
def test_who_won_by_the_table_is_told_so_when_redis_is_back(number, between, monkeypatch):
    """The copy that is still there has his position as a ticket, and no mark of him."""
    packet = make_paid_packet(Kind.EQUAL, number, "1.00")
    with monkeypatch.context() as away:
        away.setattr(redis.breaker, "until", time.monotonic() + 3600)
        assert grabbed(packet, "u1") is Outcome.GRABBED

    outcomes = [grabbed(packet, user) for user in between]

    assert grabbed(packet, "u1") is Outcome.ALREADY_GRABBED
    expected = [*[Outcome.GRABBED] * (number - 1), Outcome.TOO_SLOW, Outcome.TOO_SLOW]
    assert outcomes == expected[: len(between)]


def test_restock_puts_back_what_the_table_says_is_left():
    packet = make_paid_packet(Kind.EQUAL, 3, "1.00")
    grab.grab(public_id=packet.public_id, caller=Caller("u1"), now=timezone.now())
    take(packet, "u2")  # and his process dies
    redis.call(lambda r: r.flushdb())
    queue.prepare(packet.public_id)

    assert queue.restock(packet.public_id, packet.pk) == 2
    assert sorted(take(packet, user).position for user in ("u3", "u4")) == [2, 3]


def test_that_its_money_is_here_is_told_to_the_copy():
    packet, _ = make_reported_packet(Kind.EQUAL, 2, "1.00")
    assert take(packet, "u1").pay_status == PayStatus.AWAITING

    queue.paid(packet)

    assert take(packet, "u2").pay_status == PayStatus.PAID
    queue.forget(packet.public_id)
    assert take(packet, "u3").pay_status == PayStatus.AWAITING, "built anew, by the row"
