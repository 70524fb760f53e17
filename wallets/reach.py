"""How far an audit reads: all of the books, or the days since one that was found clean (0057).

Rules ask here for the lines that they walk, so that each is written once for both.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from contextvars import ContextVar
from datetime import date, datetime, timedelta
from typing import Any

from kit import clock
from kit.plumbing.during import during
from wallets import daily
from wallets.models import LedgerLine

AT_ONCE = 2000

_since: ContextVar[date | None] = ContextVar("since", default=None)


def from_day(day: date | None) -> AbstractContextManager[None]:
    """Inside, rules read what was booked after this day; None: everything."""
    return during(_since, day)


def since() -> date | None:
    return _since.get()


def moment() -> datetime | None:
    """Where those days begin; None: at the beginning."""
    day = since()
    return daily.midnight_after(day) if day else None


def lines(**conditions: Any) -> Iterator[list[LedgerLine]]:
    """The ledger lines, a chunk at a time in the order of their keys: day by day, each from the
    index of its day, or all by key."""
    for within in _parts():
        rows = LedgerLine.objects.filter(**within, **conditions).order_by("pk")
        last = 0
        while chunk := list(rows.filter(pk__gt=last)[:AT_ONCE]):
            yield chunk
            last = chunk[-1].pk


def _parts() -> Iterator[dict[str, Any]]:
    day = since()
    if day is None:
        yield {}
        return
    while (day := day + timedelta(days=1)) <= clock.today():
        yield {"booked_on": day}
    yield {"booked_on": None}  # committed, and in no books yet
