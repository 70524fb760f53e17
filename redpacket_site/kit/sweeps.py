"""A sweep: one verb over many rows, oldest first, past bad ones, within a time budget."""

import time
from collections.abc import Callable, Iterator

import structlog
from django.db.models import Q, QuerySet

log = structlog.get_logger(__name__)

BUDGET_S = 20  # a sweep stops then; the next beat goes on
PAGE = 200


def sweep(rows: Iterator, verb: Callable) -> int:
    """verb(row) for each; a bad one is logged and passed. How many said that they did something."""
    done, began = 0, time.monotonic()
    for row in rows:
        try:
            done += bool(verb(row))
        except Exception:
            log.exception("sweep_row_failed", row=str(row), verb=getattr(verb, "__qualname__", ""))
        if time.monotonic() - began > BUDGET_S:
            break
    return done


def by_time(due: QuerySet, column: str) -> Iterator[int]:
    """Keys in the order of a time column, a page at a time behind the last one seen."""
    ordered = due.order_by(column, "pk").values_list(column, "pk")
    page = list(ordered[:PAGE])
    while page:
        yield from (pk for _, pk in page)
        at, key = page[-1]
        beyond = Q(**{f"{column}__gt": at}) | Q(**{column: at}, pk__gt=key)
        page = list(ordered.filter(beyond)[:PAGE])
