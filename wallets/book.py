"""Booking (记账): every ledger line gets, after its commit, the day in whose books it is; so does
whatever else is sealed with it (seals.py: what staff did).

A line's time is its writer's clock, its key its database's; neither says in which order lines
committed. So a day's books are the lines that were put into them while the day was open, and
`OpenDay`'s one row keeps those who put lines in and those who close apart.
"""

from collections import defaultdict
from contextlib import suppress
from datetime import date, datetime, timedelta

from django.db import OperationalError
from django.db.models import F, Model, QuerySet
from django.utils import timezone

from kit import pause, retry, sweeps
from wallets import seals
from wallets.models import LedgerLine, OpenDay

AT_ONCE = 1000  # lines a transaction: some 20 ms under the lock


def book(*, now: datetime) -> int:
    """Put what has been committed and is in no books yet into a day; how many lines that were.

    Races:   keys are read among committed lines, without a lock, and changed by key: whoever is
             about to commit one is not waited for. `OpenDay`'s row keeps bookers and closers apart.
    Repeats: what is in the books stays where it is.
    Spec:    2.7
    """
    return sweeps.drain(lambda: book_some(now=now))


def book_some(*, now: datetime) -> int:
    """The next chunk, oldest key first; 0 when nothing waits."""
    waits = any(waiting(model).exists() for model in tables())
    return _book_some(now=now) if waits else 0


def catch_up(*, now: datetime) -> None:
    """For a page about today: books first, unless somebody else holds them."""
    with suppress(OperationalError):
        book_some(now=now)


def tables() -> list[type[Model]]:
    """Whose rows are in a day's books: the tables that are sealed by days."""
    return [chain.model for chain in seals.chains.values()]


def waiting(model: type[Model] = LedgerLine) -> QuerySet:
    """Lines that are in no books yet."""
    return model._default_manager.filter(booked_on=None)


def shut(day: date) -> None:
    """From now on nothing is put into this day's books.

    Races:   waits for the booker that is at it; the next one finds the day shut.
    Repeats: a day that is shut stays shut.
    """
    _shut(day)


@retry.unit
def _shut(day: date) -> None:
    lock()
    after = day + timedelta(days=1)
    OpenDay.objects.filter(pk=1).exclude(day__gte=after).update(day=after)


@retry.unit
def _book_some(*, now: datetime) -> int:
    lock()
    first, booked = first_open(), 0
    for model in tables():
        keys = defaultdict(list)
        rows = waiting(model).order_by("pk").values_list("pk", "created_at")[:AT_ONCE]
        for pk, created_at in rows:
            keys[max(own_day(created_at, now), first)].append(pk)
        pause.here("book: has read what waits")
        for day, theirs in keys.items():
            put(theirs, day, model)
            booked += len(theirs)
    return booked


def own_day(created_at: datetime, now: datetime) -> date:
    """By its own time; a line that is dated ahead has been committed by now all the same."""
    return timezone.localdate(min(created_at, now))


def lock() -> None:
    if not OpenDay.objects.filter(pk=1).update(day=F("day")):
        OpenDay.objects.get_or_create(pk=1)
        OpenDay.objects.filter(pk=1).update(day=F("day"))


def first_open() -> date:
    """The first day that is not shut."""
    return OpenDay.objects.get(pk=1).day or date.min


def put(keys: list[int], day: date, model: type[Model] = LedgerLine) -> None:
    """By key alone: any other condition could lead over an index on which commits are waited
    for."""
    model._default_manager.filter(pk__in=keys).update(booked_on=day)
