"""A unit of work: one durable transaction, run again after a deadlock, three times at most."""

import functools
import random
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, ParamSpec, Protocol, TypeVar, cast

from django.db import DEFAULT_DB_ALIAS, OperationalError, connection, transaction

from kit.plumbing.replica import reading

TRIES = 3
PAUSE_S = 0.1
# The transaction was rolled back or never got so far, whatever it was; a commit of which nobody
# knows (2013, OceanBase's 4012) is none of them. SQLite's "database is locked" carries no number.
CONFLICTS = {
    *(1213, 1205),  # deadlock found; lock wait over
    # The server only reads; the next try goes on a new connection (kit/plumbing/mysql/base.py).
    *(1290, 1836),
    # TiDB's list of error codes: write conflict (twice), commit rolled back, tables were changed.
    *(8005, 9007, 8022, 8028),
    # OceanBase's ob_errno.def: rolled back (killed, its leader moved), row locked, not the leader.
    *(6002, 6005, 4038),
}

P = ParamSpec("P")
R = TypeVar("R")


class Also(Protocol):
    """What must commit with the work: an idempotency record, a staff member's log line."""

    def begin(self) -> None: ...

    def keep(self, result: Any) -> None: ...


def unit(verb: Callable[P, R]) -> Callable[P, R]:
    """Make a verb own its commit; what it is given as `also` commits with it.

    A verb that callers may give an `also` declares it: it is begun before the verb's own work, and
    keeps its result. The verb itself leaves it alone.

    Races:   a deadlock or lock wait rolls everything back; the whole verb runs again.
    Repeats: verbs are repeatable, so that is safe.
    """

    @functools.wraps(verb)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        also = cast("Also | None", kwargs.get("also"))

        def work() -> R:
            with transaction.atomic(durable=True):
                if also:
                    also.begin()
                result = verb(*args, **kwargs)
                if also:
                    also.keep(result)
            return result

        return again(work)

    return run


def again(work: Callable[[], R]) -> R:
    """Run work() until it meets no conflict, three times at most; each try is rolled back whole."""
    for left in reversed(range(TRIES)):
        try:
            with reading(DEFAULT_DB_ALIAS):  # whoever decides asks the primary
                return work()
        except OperationalError as error:
            if left == 0 or not is_conflict(error) or connection.in_atomic_block:
                raise
            # Not in step: two that gave up on each other would meet again.
            time.sleep(random.uniform(0, PAUSE_S * (TRIES - left)))  # noqa: S311
    raise AssertionError("unreachable")


def while_faster(work: Callable[[], R], *others: type[Exception]) -> R:
    """Run work() again when one of these says that somebody was faster, three times at most."""
    for _ in range(TRIES - 1):
        with suppress(*others):
            return work()
    return work()


def is_conflict(error: OperationalError) -> bool:
    return bool(error.args) and (error.args[0] in CONFLICTS or "locked" in str(error.args[0]))
