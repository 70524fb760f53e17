"""A sweep keeps its place, goes past bad rows, and shares the work with its twin."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from kit import outbox, sweeps
from kit.models import Event
from kit.plumbing import redis

NAME = "test"
BEGAN = timezone.now()


@pytest.fixture(autouse=True, params=["redis", "process"])
def where_the_place_is_kept(request, monkeypatch):
    if request.param == "process":
        monkeypatch.setattr(settings, "REDIS_URL", "")
    elif not redis.is_configured():
        pytest.skip("no Redis on this leg; the other leg of `make test` has one")


@pytest.fixture
def rows(monkeypatch) -> list[int]:
    """Five rows, oldest first; two of them of the same moment. Pages of two."""
    monkeypatch.setattr(sweeps, "PAGE", 2)
    ages = [5, 4, 4, 2, 1]
    made = Event.objects.bulk_create(
        Event(type="row", data={}, created_at=BEGAN - timedelta(days=age)) for age in ages
    )
    made = list(Event.objects.order_by("created_at", "pk"))
    return [row.pk for row in made]


def run(verb, **kwargs) -> int:
    return sweeps.sweep(NAME, Event.objects.filter(place=None), "created_at", verb, **kwargs)


def done_with(key: int) -> bool:
    return Event.objects.filter(pk=key).update(place=key) == 1


def test_every_row_once_oldest_first(rows):
    seen = []

    assert run(lambda key: seen.append(key) or True) == 5

    assert seen == rows
    assert sweeps.place_of(NAME) is None


def test_bad_rows_do_not_stop_the_others(rows):
    def verb(key):
        if key in rows[:2]:
            raise ValueError("bad row")
        return done_with(key)

    assert run(verb) == 3
    assert list(Event.objects.filter(place=None).values_list("pk", flat=True)) == rows[:2]


def test_time_is_up_and_the_next_one_goes_on_behind(rows, monkeypatch):
    """One row a run: without its place every run would begin with the same bad row."""
    monkeypatch.setattr(sweeps, "BUDGET_S", -1)
    seen = []

    def bad(key):
        seen.append(key)
        raise ValueError("bad row")

    for _ in range(6):
        assert run(bad) == 0

    assert seen == [*rows, rows[0]]


def test_after_the_end_it_begins_again(rows, monkeypatch):
    """What was skipped at first, and what has become due before the place, is found."""
    sweeps._keep(NAME, (Event.objects.get(pk=rows[2]).created_at, rows[2]))
    seen = []

    run(lambda key: seen.append(key) or done_with(key))

    assert seen == [*rows[3:], *rows[:3]]


def test_only_what_is_worth_a_call_and_only_so_many_pages(rows):
    seen = []
    for _ in range(3):
        run(lambda key: seen.append(key), only=lambda keys: keys[:1], pages=1)

    assert seen == [rows[0], rows[2], rows[4]]


def test_two_sweeps_at_once_share_the_pages(rows):
    """The other one begins while the first works on its first page, and ends before it."""
    seen = {"first": [], "other": []}

    def first(key):
        if not seen["other"]:
            run(lambda key: seen["other"].append(key) or done_with(key))
        seen["first"].append(key)
        return done_with(key)

    run(first)

    assert seen["first"] == rows[:2]
    assert seen["other"][:3] == rows[2:]


def test_killed_sweep_leaves_nothing_behind(rows):
    """It had claimed a page and died: the row that it did not reach comes round again."""

    class Killed(BaseException):
        pass

    def dies(key):
        raise Killed

    with pytest.raises(Killed):
        run(dies)

    assert run(done_with) == 5


def test_drain_stops_when_nothing_is_left_or_time_is_up(monkeypatch):
    left = [3, 2, 0, 9]
    assert sweeps.drain(lambda: left.pop(0)) == 5
    monkeypatch.setattr(sweeps, "BUDGET_S", -1)
    assert sweeps.drain(lambda: 7) == 7


def test_place_outlives_a_clock_in_any_zone(rows):
    row = Event.objects.get(pk=rows[0])
    sweeps._keep(NAME, (row.created_at, row.pk))

    assert sweeps.place_of(NAME) == (row.created_at, row.pk)
    assert outbox.give_places() == 5
