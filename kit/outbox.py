"""Event rows written with the work, read in order by the chat server (Spec 2.1, api.md Service)."""

import json
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Max, QuerySet

from kit import retry, sql, sweeps
from kit.models import Event, EventPlace
from kit.moves import hold
from kit.present import present

PLACED_AT_ONCE = 500
LOOKED_AT_ONCE = 5000  # by a reader who wants some of them
EACH = "each"  # in the data of several pieces: what they do not have in common
_encode = json.JSONEncoder(ensure_ascii=False).encode
# What is told of one subject, "packet" say, in the order in which it can happen: type -> (subject,
# how far along).
_courses: dict[str, tuple[str, int]] = {}


@dataclass(frozen=True, slots=True)
class News:
    place: int
    type: str
    created_at: datetime
    data: dict


@dataclass(frozen=True, slots=True)
class Page:
    news: list[News]
    next: int  # where to read on


def introduce(subject: str, *types: str) -> None:
    """Of one subject, which its events name in their data, no type is told before those that stand
    before it here; of several at one step (`"a|b"`) neither waits for the other."""
    for step, together in enumerate(types):
        for type_ in together.split("|"):
            _courses[type_] = subject, step


def tell(type_: str, *, now: datetime, **data: Any) -> None:
    """Write one event; refuses outside a transaction: news without its work would be a lie."""
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("an event commits with its work")
    sql.run(news(type_, now=now, **data))


def news(type_: str, *, now: datetime, **data: Any) -> sql.Statement:
    """What tell() writes, for whoever sends it along with statements of his work."""
    return sql.insert(Event, "type", "data", "created_at"), [type_, _encode(data), sql.time(now)]


def news_of_each(type_: str, *, each: dict[str, list], now: datetime, **data: Any) -> sql.Statement:
    """What tells many the same but for a few words, in one row: `data` is what they have in common,
    `each` has a list of one value for each of them. For whoever sends it along with his work."""
    pieces = len(next(iter(each.values())))
    return (
        sql.insert(Event, "type", "pieces", "data", "created_at"),
        [type_, pieces, _encode(data | {EACH: each}), sql.time(now)],
    )


def read(*, after: int, limit: int) -> list[News]:
    """The next events behind a cursor, in order, none skipped and none twice.

    Races: rows commit out of the order of their keys, so a reader by key would skip a late one.
           Places are given only to committed rows, under the lock of one row: what a commit
           followed is placed before it, or in the same batch (in_course).
    """
    give_places()
    return _news(Event.objects.filter(place__gt=after), after, limit)


def page(*, after: int, limit: int, types: Collection[str] = ()) -> Page:
    """The same of these types alone, all when none is named; what was passed over is not looked at
    again.

    The places after the cursor are walked in their order, a bounded number a call, so that a rare
    type costs no more than any other: a page may be empty and yet lead on.

    Races: as read(); a place that was seen has none before it that is still to come.
    """
    if not types:
        news = read(after=after, limit=limit)
        return Page(news, news[-1].place if news else after)
    give_places()
    events = Event.objects.filter(place__gt=after).order_by("place")
    upto = events.values("place")[:LOOKED_AT_ONCE].aggregate(last=Max("place"))["last"]
    if upto is None:
        return Page([], after)
    news = _news(events.filter(place__lte=upto, type__in=types), after, limit)
    return Page(news, news[-1].place if len(news) == limit else upto)


def latest() -> int:
    """The place behind which news begins: all that has been committed by now stands before it.

    Races: what commits later gets a later place, however long ago it was written.
    """
    while give_places() == PLACED_AT_ONCE:
        pass
    return EventPlace.objects.get(pk=1).last


@retry.unit
def go_on_behind(place: int) -> int:
    """After a restore: what is told from now on stands behind `place`, up to which a reader has
    read what is gone. The last place that was kept: what he has read behind it is what was lost.

    Races:   the row on which places are given; a place is never given back.
    Repeats: harmless; a place that was passed long ago changes nothing.
    """
    hold(EventPlace, 1)
    last = EventPlace.objects.get(pk=1).last
    EventPlace.objects.filter(pk=1, last__lt=place).update(last=place)
    return last


def _news(events: QuerySet[Event], after: int, limit: int) -> list[News]:
    """Each piece at its own place: a page may begin and end between those of one row."""
    found = []
    for row in events.order_by("place")[:limit]:
        first = present(row.place) - row.pieces + 1
        for place, data in enumerate(_pieces(row), start=first):
            if place > after:
                found.append(News(place, row.type, row.created_at, data))
    return found[:limit]


def _pieces(row: Event) -> list[dict]:
    common = dict(row.data)
    each = common.pop(EACH, None)
    if each is None:
        return [common]
    return [common | dict(zip(each, own, strict=True)) for own in zip(*each.values(), strict=True)]


def give_places() -> int:
    """Give places to what has been committed since the last call; to how many rows."""
    if not Event.objects.filter(place__isnull=True).exists():
        return 0
    return _give_places()


@retry.unit
def _give_places() -> int:
    hold(EventPlace, 1)
    last = EventPlace.objects.get(pk=1).last
    found = Event.objects.filter(place__isnull=True).order_by("pk")
    waiting = list(found.values_list("pk", "type", "data", "pieces")[:PLACED_AT_ONCE])
    pieces = {pk: of_it for pk, *_, of_it in waiting}
    for pk in in_course([(pk, type_, data) for pk, type_, data, _ in waiting]):
        last += pieces[pk]
        Event.objects.filter(pk=pk).update(place=last)
    EventPlace.objects.filter(pk=1).update(last=last)
    return len(waiting)


def in_course(rows: list[tuple[int, str, dict]]) -> list[int]:
    """The keys of events in the order in which they are told.

    What happened on one subject is told in its course, whatever its keys are: some engines, and two
    servers that both write, give keys in blocks, and what came later may have the smaller one. The
    events of a subject change places among themselves alone.
    """
    places = defaultdict(list)
    steps = []
    for at, (_, type_, data) in enumerate(rows):
        name, step = _courses.get(type_, ("", 0))
        steps.append(step)
        if name in data:
            places[name, data[name]].append(at)
    keys = [pk for pk, _, _ in rows]
    for mine in places.values():
        for at, of in zip(mine, sorted(mine, key=steps.__getitem__), strict=True):
            keys[at] = rows[of][0]
    return keys


def forget(*, before: datetime, limit: int = 2000) -> int:
    """Drop placed events older than the promise (at least 7 days), oldest first, a chunk a call."""
    return sweeps.drop(Event.objects.filter(created_at__lt=before, place__isnull=False), limit)
