"""Web machines whose clocks differ share rates and leases: those go by the clock of Redis."""

from datetime import timedelta

import pytest
from django.utils import timezone

from kit.http.caller import Caller
from kit.plumbing import redis
from kit.refusals import Throttled
from packets import grab
from packets.states import Kind, Outcome
from packets.tickets import queue as tickets
from testing.make import let_leases_run_out, make_group, make_paid_packet

pytestmark = pytest.mark.usefixtures("with_redis")


@pytest.fixture
def packet():
    make_group("alice", "u1", "u2", "u3")
    return make_paid_packet(Kind.EQUAL, 2, "1.00")


@pytest.fixture
def by_the_callers_clock(monkeypatch):
    """The script as it would be without a clock of its own."""
    theirs = "{math.floor(now / 1000), now % 1000 * 1000}"
    assert "redis.call('TIME')" in tickets.TAKE
    monkeypatch.setattr(tickets, "TAKE", tickets.TAKE.replace("redis.call('TIME')", theirs))


def take(packet, user: str, *, fast: timedelta = timedelta()) -> Outcome:
    now = timezone.now() + fast
    return grab.grab(public_id=packet.public_id, caller=Caller(user), now=now).outcome


def die_with_a_ticket(packet, user: str, *, fast: timedelta) -> None:
    """A machine whose clock is ahead pops a ticket and is gone."""
    now = timezone.now() + fast
    tickets.take(public_id=packet.public_id, user_id=user, now=now, member=None)


def the_rest_after_a_lease(packet) -> list[Outcome]:
    let_leases_run_out()
    return [take(packet, "u3"), take(packet, "u1")]


def test_a_ticket_that_a_fast_machine_lost_comes_back_after_a_lease(packet):
    assert take(packet, "u2") is Outcome.GRABBED
    die_with_a_ticket(packet, "u1", fast=timedelta(hours=1))

    assert the_rest_after_a_lease(packet) == [Outcome.GRABBED, Outcome.TOO_SLOW]


def test_a_ticket_that_a_fast_machine_lost_stays_away_without_the_guard(
    packet, by_the_callers_clock
):
    """For an hour nobody looks for it, although its share waits in the table."""
    assert take(packet, "u2") is Outcome.GRABBED
    die_with_a_ticket(packet, "u1", fast=timedelta(hours=1))

    assert the_rest_after_a_lease(packet) == [Outcome.TOO_SLOW, Outcome.TOO_SLOW]


def test_one_request_at_a_fast_machine_does_not_use_up_a_rate(packet, settings):
    settings.REDPACKET_THROTTLE = True

    assert take(packet, "u1", fast=timedelta(seconds=4)) is Outcome.GRABBED
    assert take(packet, "u1") is Outcome.ALREADY_GRABBED


def test_one_request_at_a_fast_machine_uses_up_a_rate_without_the_guard(
    packet, settings, by_the_callers_clock
):
    settings.REDPACKET_THROTTLE = True

    assert take(packet, "u1", fast=timedelta(seconds=4)) is Outcome.GRABBED
    with pytest.raises(Throttled):
        take(packet, "u1")


def test_the_caller_s_clock_still_says_what_has_expired(packet):
    assert take(packet, "u1", fast=timedelta(days=2)) is Outcome.EXPIRED


def test_what_empties_and_is_filled_again_keeps_its_end(packet):
    """Queue and takers vanish when they are empty: every way to make them anew gives them a time
    to live, as long as their header's."""
    header, queue, takers = tickets._keys(packet.public_id)[:3]

    def ends() -> list[int]:
        return redis.call(lambda r: [r.pttl(key) for key in (header, queue, takers)])

    first = tickets.take(public_id=packet.public_id, user_id="u1", now=timezone.now(), member=None)
    second = tickets.take(public_id=packet.public_id, user_id="u2", now=timezone.now(), member=None)
    for ticket, user in ((first, "u1"), (second, "u2")):
        tickets.give_back(ticket, user)
    given_back = ends()
    redis.call(lambda r: r.delete(queue))
    assert tickets.restock(packet.public_id, packet.pk) == 2
    tickets.take(public_id=packet.public_id, user_id="u3", now=timezone.now(), member=None)
    restocked = ends()

    for end in (*given_back, *restocked):
        assert abs(end - given_back[0]) < 60_000
        assert end > 0
