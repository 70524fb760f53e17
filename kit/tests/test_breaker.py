"""Silent several times in a row: left alone; then one tries, and the others go without."""

import pytest

from kit.plumbing import breaker
from kit.plumbing.breaker import Breaker, Open
from testing.forks import forked

pytestmark = pytest.mark.once


def opened() -> Breaker:
    made = Breaker("test")
    for _ in range(breaker.FAILURES):
        with made.passed():
            made.failed()
    return made


def lets_through(made: Breaker) -> bool:
    try:
        with made.passed():
            return True
    except Open:
        return False


def test_it_opens_after_so_many_failures_in_a_row():
    made = Breaker("test")
    for _ in range(3):
        for _ in range(breaker.FAILURES - 1):
            made.failed()
        assert lets_through(made)
        made.worked()

    assert lets_through(made)
    assert not lets_through(opened())


def test_one_at_a_time_tries_until_one_has_worked(monkeypatch):
    monkeypatch.setattr(breaker, "OPEN_S", 0)
    made = opened()

    with made.passed():
        assert not lets_through(made)
        made.failed()
    with made.passed():
        assert not lets_through(made)
        made.worked()
        assert lets_through(made)


def test_a_trial_that_says_nothing_is_given_back(monkeypatch):
    """Its lease was another's, or the worker ran out of time."""
    monkeypatch.setattr(breaker, "OPEN_S", 0)
    made = opened()

    with pytest.raises(ZeroDivisionError), made.passed():
        raise ZeroDivisionError

    assert lets_through(made)


def test_a_trial_under_way_stays_with_the_parent(monkeypatch):
    monkeypatch.setattr(breaker, "OPEN_S", 0)
    made = opened()

    with made.passed():
        assert forked(lambda: lets_through(made)) is True


def test_a_child_never_tries_without_the_guard(monkeypatch):
    monkeypatch.setattr(breaker, "OPEN_S", 0)
    made = opened()
    breaker.every.discard(made)

    with made.passed():
        assert forked(lambda: lets_through(made)) is False
