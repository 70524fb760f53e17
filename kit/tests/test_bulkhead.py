"""At most so many at once; the seat is let go whatever happens."""

import fcntl
import os
import signal
import threading

import pytest

from kit.bulkhead import Bulkhead, Full, OfTheMachine
from kit.plumbing import forks
from testing.forks import forked, killed

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
    is_free = seats.is_free

    def looked():
        waiting.set()
        return is_free()

    with seats.seat():
        seats.is_free = looked
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


# --- of the machine


@pytest.fixture
def shared(settings, tmp_path) -> OfTheMachine:
    settings.SEATS, settings.SEATS_DIR = 2, tmp_path / "seats"
    return OfTheMachine("test", "SEATS")


def another_is_full(seats: Bulkhead) -> bool:
    """Another process, and in it another thread: who has a seat already needs no other."""
    return forked(lambda: full(seats))


def test_all_processes_have_the_seats_together(shared):
    with shared.seat():
        assert not full(shared) and not another_is_full(shared)
        assert elsewhere(lambda: one_more(shared)) == [(True, True)]
    assert not another_is_full(shared)


def one_more(seats: Bulkhead) -> tuple[bool, bool]:
    with seats.seat():
        return full(seats), another_is_full(seats)


def test_each_process_has_seats_of_its_own_without_the_guard(settings):
    settings.SEATS = 1
    seats = Bulkhead("test", "SEATS")
    with seats.seat():
        assert full(seats) and not another_is_full(seats)


def test_a_seat_of_the_machine_is_let_go_when_the_work_fails(shared):
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), shared.seat():
            raise ZeroDivisionError
    assert elsewhere(lambda: one_more(shared)) == [(False, False)]


def test_a_seat_ends_with_its_process(shared, settings):
    settings.SEATS = 1

    def dies_in_its_seat():
        with shared.seat():
            os.kill(os.getpid(), signal.SIGKILL)

    assert killed(dies_in_its_seat)
    assert not full(shared)


def is_full_after_a_fork(seats: Bulkhead) -> bool:
    """While a child lives that was forked in the seat: it has the file open, too."""
    with seats.seat():
        child = os.fork()
        if child == 0:
            signal.pause()
    try:
        return full(seats)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_a_child_that_was_forked_meanwhile_keeps_nobody_waiting(shared, settings):
    settings.SEATS = 1
    assert not is_full_after_a_fork(shared)


def test_a_child_that_was_forked_meanwhile_keeps_the_seat_without_the_guard(
    shared, settings, monkeypatch
):
    settings.SEATS = 1
    lock = fcntl.flock
    monkeypatch.setattr(fcntl, "flock", lambda file, how: how == fcntl.LOCK_UN or lock(file, how))
    assert is_full_after_a_fork(shared)


def test_without_a_file_each_process_has_its_number(shared, settings, tmp_path):
    settings.SEATS = 1
    settings.SEATS_DIR.write_text("a file where the folder should be")
    with shared.seat():
        assert full(shared) and not another_is_full(shared)
    assert not full(shared)
