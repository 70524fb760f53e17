"""A new column is filled to the last row, a chunk a transaction; what requires it waits."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations import Migration
from django.db.migrations.state import ProjectState
from django.db.models import F
from django.utils import timezone

from kit import fillings, heartbeat
from kit.hooks import Hook
from kit.models import Duty, Event, Filling, Heartbeat
from kit.tasks import fill as task

EVENTS, DUTIES = "kit.event.place", "kit.duty.lease"
NOW = timezone.now()


@pytest.fixture
def declared(monkeypatch):
    """Two tables to fill, one with keys that are texts, in chunks of two."""
    monkeypatch.setattr(fillings, "CHUNK", 2)
    monkeypatch.setattr(fillings, "FILLINGS", Hook("how a column is filled"))
    fillings.FILLINGS.hang(EVENTS, lambda rows: rows.update(place=F("pk")))
    fillings.FILLINGS.hang(DUTIES, lambda rows: rows.update(lease=F("name")))


@pytest.fixture
def rows(declared) -> list[int]:
    Duty.objects.bulk_create(Duty(name=f"d{number}") for number in range(5))
    Event.objects.bulk_create(Event(type="x", data={}, created_at=NOW) for _ in range(5))
    return list(Event.objects.order_by("pk").values_list("pk", flat=True))


def chunks(name: str, now=NOW) -> list[int]:
    """How many rows each chunk of this walk looked at."""
    looked = []
    while count := fillings.fill(name=name, now=now):
        looked.append(count)
    return looked


@pytest.mark.parametrize("name", [EVENTS, DUTIES])
def test_a_walk_takes_each_row_once_and_a_second_one_finds_none(rows, name):
    assert not fillings.is_filled(name)

    assert chunks(name) == [2, 2, 1]
    assert fillings.is_filled(name)
    kept = Filling.objects.get()
    assert (kept.walk, kept.place, kept.filled, kept.finished_at) == (2, "", 5, None)

    assert chunks(name) == [2, 2, 1]
    kept.refresh_from_db()
    assert (kept.walk, kept.filled, kept.finished_at) == (3, 5, NOW)


def test_what_is_there_already_stays(rows):
    Event.objects.filter(pk=rows[1]).update(place=99)

    chunks(EVENTS)

    places = list(Event.objects.order_by("pk").values_list("place", flat=True))
    assert places == [rows[0], 99, *rows[2:]]
    assert Filling.objects.get().filled == 4


def test_what_an_old_worker_writes_later_is_found(rows):
    """Behind the walk: by the next one. After the end: a day later."""
    fillings.fill(name=DUTIES, now=NOW)
    Duty.objects.create(name="d00")
    assert chunks(DUTIES) == [2, 1]
    assert not fillings.is_filled(DUTIES)
    assert chunks(DUTIES) == [2, 2, 2]
    assert chunks(DUTIES) == [2, 2, 2]
    assert Filling.objects.get().finished_at == NOW

    Duty.objects.create(name="d01")

    assert chunks(DUTIES, NOW + timedelta(hours=23)) == []
    assert chunks(DUTIES, NOW + timedelta(days=1)) == [2, 2, 2, 1]
    assert fillings.is_filled(DUTIES)
    assert Filling.objects.get().finished_at is None, "another walk is to find nothing"


def test_an_empty_table_is_finished(declared):
    assert chunks(EVENTS) == []
    assert Filling.objects.get().finished_at == NOW


def test_one_that_fails_stands_still_and_the_others_go_on(rows, monkeypatch):
    monkeypatch.setitem(fillings.FILLINGS, EVENTS, lambda rows: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        fillings.run(now=NOW)

    assert fillings.is_filled(DUTIES)
    assert (Filling.objects.get(pk=EVENTS).place, Event.objects.exclude(place=None).count()) == (
        "",
        0,
    )
    late = NOW + fillings.STILL + timedelta(seconds=1)
    assert {kept.name for kept in fillings.standing_still(late)} == {EVENTS, DUTIES}
    fillings.fill(name=DUTIES, now=late)
    assert [kept.name for kept in fillings.standing_still(late)] == [EVENTS]


def test_one_that_is_finished_does_not_stand_still(rows):
    for _ in range(2):
        chunks(EVENTS)

    day = timedelta(days=1)
    assert fillings.standing_still(NOW + day) == []
    assert len(fillings.standing_still(NOW + day + fillings.STILL)) == 1


def test_the_alert_for_late_tasks_hears_of_it(rows, monkeypatch):
    """A task that raises leaves no sign of life."""
    monkeypatch.setattr(heartbeat, "WRITTEN_S", 0)
    monkeypatch.setitem(fillings.FILLINGS, EVENTS, lambda rows: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        task()
    assert not Heartbeat.objects.filter(name="kit.fill").exists()

    monkeypatch.setitem(fillings.FILLINGS, EVENTS, lambda rows: rows.update(place=F("pk")))
    assert task() == 10
    assert Heartbeat.objects.filter(name="kit.fill").exists()


@pytest.mark.once
def test_the_command_says_how_far_it_is(rows, capsys):
    fillings.fill(name=DUTIES, now=NOW)
    chunks(EVENTS)
    chunks(EVENTS)

    call_command("fillings")

    assert capsys.readouterr().out.splitlines() == [
        f"{EVENTS}: finished {NOW:%F %T}, 5 rows filled; every row is filled",
        f"{DUTIES}: walk 1, behind key d1, 2 rows filled; rows are empty",
    ]
    fillings.FILLINGS.clear()
    call_command("fillings")
    assert capsys.readouterr().out == "Nothing is to be filled.\n"


def test_what_requires_a_column_waits_until_it_is_filled(rows):
    migration = Migration("9999_required", "kit")
    migration.operations = [fillings.Filled("Duty", "lease")]
    state = ProjectState.from_apps(Duty._meta.apps)

    def migrate():
        with connection.schema_editor(atomic=False) as editor:
            migration.apply(state, editor)

    fillings.fill(name=DUTIES, now=NOW)
    with pytest.raises(CommandError, match=r"kit.duty.lease is still empty .*walk 1, behind key"):
        migrate()

    chunks(DUTIES)
    migrate()

    Duty.objects.create(name="d00")  # by a worker of the release before
    with pytest.raises(CommandError, match=r"still empty"):
        migrate()
