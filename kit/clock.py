"""The time, by the one clock that all machines share: the database's.

What is decided about money by time (expiry, leases, second passes, drafts, tokens) is decided by
rows that other machines wrote. So each process notes, whenever it opens a connection, what the
database's clock says, counts on from there by a clock that nobody sets (`time.monotonic`), and
corrects its own by the difference. A machine whose clock is wrong, or is set while it works, is
right nevertheless; how wrong it is, is told (heartbeat.py).

`now()` is for doors: verbs take it as an argument.
"""

import time
from datetime import date, datetime, timedelta
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.backends.signals import connection_created
from django.utils import timezone

from kit import sql

# Machines that keep time differ by less, and a busy server may take as long to answer: then the
# own clock is as good.
TOLERATED_S = 1.0
_NONE = timedelta(0)
ahead_s: float | None = None  # the database's clock over time.monotonic()


def now() -> datetime:
    return of_machine() + correction()


def of_machine() -> datetime:
    """What nothing is decided by."""
    return timezone.now()  # noqa: TID251


def timestamp() -> float:
    return time.time() + correction().total_seconds()


def today() -> date:
    return timezone.localdate(now())


def correction() -> timedelta:
    """What this machine's clock lacks; nothing before the first connection, nor within what is
    tolerated."""
    if ahead_s is None:
        return _NONE
    lacks = ahead_s + time.monotonic() - time.time()
    return timedelta(seconds=lacks) if abs(lacks) > TOLERATED_S else _NONE


def database_now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT UTC_TIMESTAMP(6)"
            if sql.is_mysql()
            else "SELECT STRFTIME('%Y-%m-%d %H:%M:%f', 'now')"
        )
        return sql.read_time(cursor.fetchone()[0])


def begin() -> None:
    """From now on each new connection says what time it is. An embedded database has the clock of
    its machine."""
    if sql.is_mysql():
        connection_created.connect(_note, dispatch_uid="kit.clock")


def _note(sender: Any, connection: Any, **_: Any) -> None:
    global ahead_s
    if connection.alias == DEFAULT_DB_ALIAS:
        ahead_s = database_now().timestamp() - time.monotonic()
