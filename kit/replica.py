"""Reading from the replica, as long as it is near (docs/scale.md): lists of staff, exports, audit.

How near is told by the signs of life that workers leave in the database (kit/heartbeat.py): who has
the row of a moment has all that was committed before it, on any engine and without a privilege. No
sign for a while, or no answer: reads go to the primary.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.db.models import Max

from kit import heartbeat
from kit.models import Heartbeat
from kit.plumbing.replica import ALIAS, reading

BELIEVED_S = 1.0  # how long a process goes by what it has seen
BROKEN_S = 5.0  # how long nobody asks again after a failure

log = structlog.get_logger(__name__)
_last: tuple[float, datetime | None] = (0.0, None)  # until when, and what was seen


def is_configured() -> bool:
    return ALIAS in connections.settings


def seen_until() -> datetime | None:
    """All that was committed before then is there; None when it does not answer."""
    try:
        return Heartbeat.objects.using(ALIAS).aggregate(at=Max("at"))["at"]
    except Error as error:
        log.warning("replica_down", error=repr(error))
        return None


def lag_s(seen: datetime | None) -> float | None:
    """By the primary's clock; None when it does not answer, or has no sign of life at all."""
    return None if seen is None else (heartbeat.database_now() - seen).total_seconds()


def is_late(seen: datetime | None) -> bool:
    """Whether it lacks what the primary has had for longer than lists may be old. Workers that are
    gone leave no sign on either side: that is no fault of the replica's."""
    newest = Heartbeat.objects.aggregate(at=Max("at"))["at"]
    if newest is None:
        return False
    return seen is None or newest - seen > timedelta(seconds=settings.REDPACKET_REPLICA_LAG_S)


@contextmanager
def reads() -> Iterator[datetime | None]:
    """What is read inside comes from the replica, if there is one and it is near: then told is the
    moment until which it has seen everything. None: from the primary."""
    seen = _near() if is_configured() else None
    with reading(ALIAS if seen else DEFAULT_DB_ALIAS):
        yield seen


def forget() -> None:
    global _last
    _last = (0.0, None)


def _near() -> datetime | None:
    global _last
    now = time.monotonic()
    until, seen = _last
    if now < until:
        return seen
    found = seen_until()
    oldest = heartbeat.database_now() - timedelta(seconds=settings.REDPACKET_REPLICA_LAG_S)
    seen = found if found and found >= oldest else None
    _last = (now + (BELIEVED_S if found else BROKEN_S), seen)
    return seen
