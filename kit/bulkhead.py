"""A bulkhead (隔舱): of one kind of costly work at most so many at once, in this process or, where
it keeps a core busy, on this machine. Whoever comes beyond that is told so at once, and the threads
and cores that are left serve everybody else.

Each kind has a number in the settings; all of them together leave a web process a thread of its
eight (docs/decisions/0035).
"""

import fcntl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import NoReturn

import structlog
from django.conf import settings

from kit.plumbing import forks, metrics
from kit.plumbing.during import during
from kit.refusals import Unavailable

log = structlog.get_logger(__name__)
_mine: ContextVar[tuple[str, ...]] = ContextVar("kinds that this thread has a seat of", default=())


class Full(Unavailable):
    """503: as many as may are at it already."""


class Bulkhead:
    """The seats of one kind of work. `wait_s`: for work that takes milliseconds, as long as all is
    well, and that somebody's grab depends on; everything else does not wait."""

    def __init__(self, kind: str, setting: str, wait_s: float = 0.0) -> None:
        self.kind, self.setting, self.wait_s = kind, setting, wait_s
        self._renew()
        forks.in_child(self._renew)

    def _renew(self) -> None:
        """The parent's threads, and with them their seats, are not here."""
        self._changed = threading.Condition()
        self._taken = 0

    @contextmanager
    def seat(self) -> Iterator[None]:
        """Do the work inside. Within work of the same kind it is the seat that one has already.

        Races:  counted under a lock.
        Raises: Full (503).
        """
        if self.kind in _mine.get():
            yield
            return
        with self._seated(), during(_mine, (*_mine.get(), self.kind)):
            yield

    @contextmanager
    def _seated(self) -> Iterator[None]:
        with self._changed:
            if not self._changed.wait_for(self.is_free, self.wait_s):
                self._refuse()
            self._taken += 1
        try:
            yield
        finally:
            with self._changed:
                self._taken -= 1
                self._changed.notify()

    def _refuse(self) -> NoReturn:
        metrics.REFUSED.labels(self.kind).inc()
        raise Full()

    def is_free(self) -> bool:
        return self._taken < self._number()

    def _number(self) -> int:
        return getattr(settings, self.setting)


class OfTheMachine(Bulkhead):
    """All processes of the machine have these seats together. Each is a lock of a file, which ends
    with its process, however that ends; without a file, the process's own number is left."""

    @contextmanager
    def _seated(self) -> Iterator[None]:
        with super()._seated(), ExitStack() as held:
            try:
                is_free = any(self.take_file(number, held) for number in range(self._number()))
            except OSError as error:
                log.warning("seats_without_lock", kind=self.kind, error=str(error))
                is_free = True
            if not is_free:
                self._refuse()
            yield

    def take_file(self, number: int, held: ExitStack) -> bool:
        """Races: the lock is of what was opened here, so other threads of ours are others, too."""
        # Of our account alone: whoever may read a file may lock it.
        settings.SEATS_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = held.enter_context((settings.SEATS_DIR / f"{self.kind}-{number}").open("a"))
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        # Said rather than left to the closing: a child that was forked meanwhile has it open, too.
        held.callback(fcntl.flock, file, fcntl.LOCK_UN)
        return True
