"""At most so many at once; the seat is let go whatever happens."""

import threading

import pytest

from kit.bulkhead import Bulkhead, Full
from kit.plumbing import forks
from tests.races.forks import forked

pytestmark = pytest.mark.once


@pytest.fixture
def seats(settings) -> Bulkhead:
    settings.SEATS = 2
    return Bulkhead("test", "SEATS")


def elsewhere(work) -> list:
    """work() in another thread; what it said or raised."""
    said = []

    def run():
        try:
            said.append(work())
        except Exception as error:
            said.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return said


def take(seats: Bulkhead) -> str:
    with seats.seat():
        return "seated"


def full(seats: Bulkhead) -> bool:
    return isinstance(elsewhere(lambda: take(seats))[0], Full)


def test_who_comes_beyond_the_number_is_told_at_once(seats):
    with seats.seat():
        assert not full(seats)
        assert elsewhere(lambda: nested(seats)) == [True]
    assert not full(seats)


def nested(seats: Bulkhead) -> bool:
    with seats.seat():
        return full(seats)


def test_a_seat_is_let_go_when_the_work_fails(seats):
    for _ in range(5):
        with pytest.raises(ZeroDivisionError), seats.seat():
            raise ZeroDivisionError

    assert elsewhere(lambda: nested(seats)) == [False]


def test_within_the_work_there_is_one_seat(seats, settings):
    settings.SEATS = 1
    with seats.seat(), seats.seat():
        assert full(seats)
    assert not full(seats)


def test_who_may_wait_gets_the_seat_that_is_let_go(settings):
    settings.SEATS = 1
    seats = Bulkhead("test", "SEATS", wait_s=20)
    waiting, said = threading.Event(), []
    is_free = seats._is_free

    def looked():
        waiting.set()
        return is_free()

    with seats.seat():
        seats._is_free = looked
        thread = threading.Thread(target=lambda: said.append(take(seats)))
        thread.start()
        assert waiting.wait(20)
    thread.join()

    assert said == ["seated"]


def test_a_child_has_all_seats(seats, settings):
    settings.SEATS = 1
    with seats.seat():
        assert forked(lambda: full(seats)) is False
        assert full(seats)


def test_a_child_is_full_for_ever_without_the_guard(settings, monkeypatch):
    monkeypatch.setattr(forks, "in_child", lambda renew: renew)
    settings.SEATS = 1
    seats = Bulkhead("test", "SEATS")
    with seats.seat():
        assert forked(lambda: full(seats)) is True
