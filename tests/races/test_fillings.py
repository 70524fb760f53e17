"""Two workers at one filling, one that is killed, and people who write beside it; and twins."""

import os
import signal

import pytest
from django.db.models import F
from django.utils import timezone

from kit import fillings, pause
from kit.hooks import Hook
from kit.models import Duty, Filling
from testing.forks import in_processes, killed

NAME = "kit.duty.lease"
NOW = timezone.now()


@pytest.fixture(autouse=True)
def rows(monkeypatch):
    """Four rows, in chunks of two."""
    monkeypatch.setattr(fillings, "CHUNK", 2)
    monkeypatch.setattr(fillings, "FILLINGS", Hook("how a column is filled"))
    fillings.FILLINGS.hang(NAME, lambda rows: rows.update(lease=F("name")))
    Duty.objects.bulk_create(Duty(name=f"d{number}") for number in range(1, 5))


def walk() -> None:
    while fillings.fill(name=NAME, now=NOW):
        pass


def to_the_end() -> None:
    while Filling.objects.filter(name=NAME, finished_at=None):
        walk()


# --- two workers and one chunk


def one_that_was_stopped() -> None:
    """It has read the place; another worker takes the whole walk meanwhile, and then the first goes
    on. A row that an old worker writes now is the next walk's."""
    with pause.at("fillings: has read the place", walk):
        fillings.fill(name=NAME, now=NOW)
    Duty.objects.create(name="d0")
    to_the_end()


def test_one_that_was_stopped_does_not_move_the_place():
    one_that_was_stopped()
    assert fillings.is_filled(NAME)


def test_one_that_was_stopped_moves_the_place_without_the_guard(monkeypatch):
    monkeypatch.setattr(fillings, "held", lambda kept: Filling.objects.filter(pk=kept.pk))
    one_that_was_stopped()
    assert not fillings.is_filled(NAME), "said to be finished, and the first row was passed over"


def test_many_workers_fill_each_row_once():
    Duty.objects.bulk_create(Duty(name=f"e{number:03}") for number in range(100))

    in_processes(lambda _: fillings.run(now=NOW), range(4))
    to_the_end()

    assert fillings.is_filled(NAME)
    assert Filling.objects.get().filled == 104


# --- one that is killed between the place and its rows


def one_that_is_killed() -> None:
    Duty.objects.filter(name__gt="d2").delete()  # this chunk is all that there is

    def dies() -> None:
        with pause.at(
            "fillings: has moved the place", lambda: os.kill(os.getpid(), signal.SIGKILL)
        ):
            fillings.fill(name=NAME, now=NOW)

    assert killed(dies)
    to_the_end()


def test_one_that_is_killed_leaves_its_chunk_to_the_next():
    one_that_is_killed()
    assert fillings.is_filled(NAME)


def test_one_that_is_killed_takes_its_chunk_along_without_the_guard(monkeypatch):
    in_no_transaction = fillings.take.__wrapped__
    monkeypatch.setattr(fillings, "take", in_no_transaction)
    one_that_is_killed()
    assert not fillings.is_filled(NAME), "said to be finished, and nothing was filled"


# --- somebody writes beside it


def written_meanwhile() -> str | None:
    row = Duty.objects.filter(name="d2")
    with pause.at("fillings: has read the place", lambda: row.update(lease="theirs")):
        fillings.fill(name=NAME, now=NOW)
    return row.get().lease


def test_what_is_written_beside_it_stays():
    assert written_meanwhile() == "theirs"


def test_what_is_written_beside_it_is_lost_without_the_guard(monkeypatch):
    monkeypatch.setattr(fillings, "empty", lambda rows, column: rows)
    assert written_meanwhile() == "d2"
