"""Event rows written with the work, read in order by the chat server (Spec 2.1, api.md Service)."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from kit import retry, sql
from kit.models import Event, EventPlace
from kit.moves import hold
from kit.present import present

PLACED_AT_ONCE = 500
_encode = json.JSONEncoder(ensure_ascii=False).encode


@dataclass(frozen=True, slots=True)
class News:
    place: int
    type: str
    created_at: datetime
    data: dict


def tell(type_: str, *, now: datetime, **data: Any) -> None:
    """Write one event; refuses outside a transaction: news without its work would be a lie."""
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("an event commits with its work")
    sql.run(news(type_, now=now, **data))


def news(type_: str, *, now: datetime, **data: Any) -> sql.Statement:
    """What tell() writes, for whoever sends it along with statements of his work."""
    return sql.insert(Event, "type", "data", "created_at"), [type_, _encode(data), sql.time(now)]


def tell_many(type_: str, *, select: str, values: list, now: datetime) -> None:
    """Write one event for each row of a SELECT of (data), with one statement."""
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("an event commits with its work")
    with connection.cursor() as cursor:
        cursor.execute(
            f"{sql.insert_into(Event, 'type', 'created_at', 'data')}"
            f" SELECT %s, %s, data FROM ({select}) AS news",
            [type_, sql.time(now), *values],
        )


def read(*, after: int, limit: int) -> list[News]:
    """The next events behind a cursor, in order, none skipped and none twice.

    Races: rows commit out of the order of their keys, so a reader by key would skip a late one.
           Places are given only to committed rows, under the lock of one row.
    """
    give_places()
    rows = Event.objects.filter(place__gt=after).order_by("place")[:limit]
    return [News(present(row.place), row.type, row.created_at, row.data) for row in rows]


def give_places() -> int:
    """Give places to what has been committed since the last call; how many were given."""
    if not Event.objects.filter(place__isnull=True).exists():
        return 0
    return _give_places()


@retry.unit
def _give_places() -> int:
    hold(EventPlace, 1)
    last = EventPlace.objects.get(pk=1).last
    waiting = list(
        Event.objects.filter(place__isnull=True)
        .order_by("pk")
        .values_list("pk", flat=True)[:PLACED_AT_ONCE]
    )
    for offset, pk in enumerate(waiting, start=1):
        Event.objects.filter(pk=pk).update(place=last + offset)
    EventPlace.objects.filter(pk=1).update(last=last + len(waiting))
    return len(waiting)


def forget(*, before: datetime, limit: int = 2000) -> int:
    """Drop placed events older than the promise (at least 7 days), oldest first, a chunk a call."""
    old = list(
        Event.objects.filter(created_at__lt=before, place__isnull=False)
        .order_by("created_at")
        .values_list("pk", flat=True)[:limit]
    )
    return Event.objects.filter(pk__in=old).delete()[0]
