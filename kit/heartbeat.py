"""Signs of life of what runs by itself: when each task of the schedule last ended, or was first
expected to, and how far each worker's clock is from the database's.

All of it by the database's clock, the one that all machines share. A machine whose clock is wrong
works by that one, too (clock.py), and says so here; a worker that is wrong nevertheless would
refund, close and give up too early or too late, so it does nothing.
"""

import socket
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from celery import current_app
from django.db import DatabaseError

from kit import clock
from kit.clock import database_now as database_now
from kit.models import Heartbeat

OFF_S = 60  # far beyond what machines that keep time differ by, and below every deadline of ours
WRITTEN_S = 10  # a process writes a row once in so many seconds; sweeps come every two
CLOCK_S = 300  # how old a worker's word about its clock may be
KEPT = timedelta(days=1)  # machines come and go
LATE_S, LATE_TIMES = 60, 10  # late: older than a minute, and than so many times its interval
DAY_S = 26 * 3600  # what runs once a day

log = structlog.get_logger(__name__)
_written: dict[str, float] = {}


@dataclass(frozen=True, slots=True)
class Signs:
    """What runs by itself, seen from here; ages and differences in seconds."""

    ages: dict[str, float]
    late: list[str]
    clocks: dict[str, int]
    own_clock: float

    @property
    def sweeps(self) -> str:
        return "late" if self.late else "ok" if self.ages else "never"

    @property
    def is_a_clock_off(self) -> bool:
        return any(abs(off_s) > OFF_S for off_s in (*self.clocks.values(), self.own_clock))


def is_clock_right() -> bool:
    """Whether what this process takes for the time may decide anything. How far its machine's clock
    is off is told in log and table."""
    now = database_now()
    off_s = round((clock.of_machine() - now).total_seconds())
    is_right = abs((clock.now() - now).total_seconds()) <= OFF_S
    host = socket.gethostname()
    is_off = abs(off_s) > OFF_S
    if _is_time_to_write(f"clock:{host}:{is_off}"):
        if is_off:
            log.error("clock_off", off_s=off_s, host=host)
        _write(f"clock:{host}", now, off_s)
    return is_right


def expect() -> None:
    """Beat has started: a task that has never ended well from now on is late in its time, too."""
    now = database_now()
    tasks = [Heartbeat(name=task, at=now, off_s=0) for task in current_app.conf.beat_schedule]
    Heartbeat.objects.bulk_create(tasks, ignore_conflicts=True)


def beat(task: str) -> None:
    """A task of the schedule has ended well."""
    if task in current_app.conf.beat_schedule and _is_time_to_write(task):
        _write(task, database_now(), 0)


def signs() -> Signs:
    now = database_now()
    rows = list(Heartbeat.objects.values_list("name", "at", "off_s"))
    ages = {name: (now - at).total_seconds() for name, at, _ in rows if ":" not in name}
    return Signs(
        ages=ages,
        late=sorted(name for name, age in ages.items() if age > _may_be(name)),
        clocks={
            name.partition(":")[2]: off_s
            for name, at, off_s in rows
            if ":" in name and (now - at).total_seconds() <= CLOCK_S
        },
        own_clock=(clock.of_machine() - now).total_seconds(),
    )


def _may_be(task: str) -> float:
    """How old its last run may be; a task that has left the schedule is never late."""
    entry = current_app.conf.beat_schedule.get(task)
    if entry is None:
        return float("inf")
    every = entry["schedule"]
    return max(LATE_S, LATE_TIMES * every) if isinstance(every, int) else DAY_S


def _is_time_to_write(what: str) -> bool:
    now = time.monotonic()
    if now - _written.get(what, float("-inf")) < WRITTEN_S:
        return False
    _written[what] = now
    return True


def _write(name: str, at: datetime, off_s: int) -> None:
    """Never the end of a task: its work is worth more than the sign of it."""
    try:
        if not Heartbeat.objects.filter(name=name).update(at=at, off_s=off_s):
            Heartbeat.objects.bulk_create(
                [Heartbeat(name=name, at=at, off_s=off_s)], ignore_conflicts=True
            )
        Heartbeat.objects.filter(name__startswith="clock:", at__lt=at - KEPT).delete()
    except DatabaseError as error:
        log.warning("heartbeat_not_written", name=name, error=repr(error))
