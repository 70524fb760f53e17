"""A sweep: the truth behind the tasks. One row a transaction, oldest first, past bad ones.

It stops when its time is up, and the next one goes on behind the last row, not before the same bad
rows again. The place is kept in Redis and, without one, per process; a lost place costs a walk from
the beginning. A page is claimed before it is worked on, so that sweeps at the same time share the
work; what a killed one had claimed comes round again. Rows are read by key, a page at a time: the
memory that a sweep takes does not grow with its backlog.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

import structlog
from django.db import models
from django.db.models import Q

from kit.plumbing import redis

log = structlog.get_logger(__name__)

BUDGET_S = 20  # shorter than a task may take (settings.CELERY_TASK_SOFT_TIME_LIMIT)
PAGE = 200
KEPT_S = 3600

Place = tuple[datetime, int]
_places: dict[str, str] = {}


def sweep(
    name: str,
    due: models.QuerySet,
    by: str,
    verb: Callable[[int], object],
    *,
    only: Callable[[list[int]], list[int]] | None = None,
    pages: int | None = None,
) -> int:
    """verb(key) for the rows of `due` in the order of the time column `by`; how often it said True.

    `only` narrows a page to the keys that are worth a call; `pages` is the most to look at.

    Races:   two sweeps may meet at a row; the verb's own WHERE decides.
    Repeats: harmless, verbs are repeatable.
    """
    until = time.monotonic() + BUDGET_S
    done = looked = 0
    for _round in range(2 if place_of(name) else 1):  # to the end, then once from the beginning
        while page := list(behind(due, by, place_of(name))):
            _keep(name, page[-1])
            keys = [key for _, key in page]
            worth = set(only(keys)) if only else set(keys)
            for at, key in page:
                if key in worth:
                    done += _past_bad_ones(name, verb, key)
                if time.monotonic() > until:
                    _keep(name, (at, key))
                    return done
            looked += 1
            if looked == pages:
                return done
        _keep(name, None)
    return done


def drain(chunk: Callable[[], int]) -> int:
    """Call chunk() until it finds nothing more or the time is up; the sum of what it did."""
    until, done = time.monotonic() + BUDGET_S, 0
    while count := chunk():
        done += count
        if time.monotonic() > until:
            break
    return done


def drop(rows: models.QuerySet, limit: int = 2000) -> int:
    """Delete the oldest of these rows, by key, a chunk a call; how many that were."""
    keys = list(rows.order_by("created_at").values_list("pk", flat=True)[:limit])
    return rows.model._default_manager.filter(pk__in=keys).delete()[0]


def place_of(name: str) -> Place | None:
    """Behind which row the next sweep goes on; None: at the beginning."""
    try:
        kept = redis.call(lambda r: r.get(_key(name)), _key(name))
        text = kept.decode() if kept else ""
    except redis.Down:
        text = _places.get(name, "")
    at, _, key = text.partition(" ")
    return (datetime.fromisoformat(at), int(key)) if key else None


def _keep(name: str, place: Place | None) -> None:
    text = f"{place[0].isoformat()} {place[1]}" if place else ""
    _places[name] = text
    with suppress(redis.Down):
        redis.call(lambda r: r.set(_key(name), text, ex=KEPT_S), _key(name))


def _key(name: str) -> str:
    return f"sweep:{name}"


def behind(due: models.QuerySet, by: str, place: Place | None) -> models.QuerySet:
    """The page behind a place: (time, key) of each row."""
    if place:
        at, key = place
        # The bare bound is for the index, the rest for rows of the same moment.
        due = due.filter(Q(**{f"{by}__gt": at}) | Q(pk__gt=key), **{f"{by}__gte": at})
    return due.order_by(by, "pk").values_list(by, "pk")[:PAGE]


def _past_bad_ones(name: str, verb: Callable[[int], object], key: int) -> bool:
    try:
        return bool(verb(key))
    except Exception:
        log.exception("sweep_row_failed", sweep=name, row=key)  # "key" would be struck out
        return False
