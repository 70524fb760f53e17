"""A circuit breaker (断路器): a service that has been silent several times in a row is left alone
for a while, so that nobody waits for it; then one call tries, and the others still go without."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakSet

import structlog

from kit.plumbing import forks, metrics

log = structlog.get_logger(__name__)

# Unless a breaker is told otherwise.
FAILURES = 5  # in a row
OPEN_S = 5.0


class Open(Exception):
    """It is left alone: nothing was sent."""


class Breaker:
    """Per process. Its caller says what counts as silence, and tells of it by `failed`."""

    def __init__(
        self, name: str, *, after: int | None = None, pause_s: float | None = None
    ) -> None:
        self.name, self._after, self._pause_s = name, after, pause_s
        self.failures = 0  # ever
        self.forget()
        every.add(self)

    def forget(self) -> None:
        """As if nothing had been called yet."""
        self.until = 0.0  # 0: closed
        self._in_a_row = 0
        self.renew()

    def renew(self) -> None:
        """What is known of the service is kept; a trial that is under way is the parent's."""
        self._lock = threading.Lock()
        self._is_tried = False

    def lets_through(self) -> bool:
        """Whether to call. Of any number that come when the pause is over one tries; should he die
        of it without a word, another one does after another pause."""
        if not self.until:
            return True
        with self._lock:
            if self._must_wait():
                return False
            self.until = time.monotonic() + self._pause()
        return True

    @contextmanager
    def passed(self) -> Iterator[None]:
        """The right to call for as long as it takes, and to say what came of it. Ending without a
        word gives a trial back.

        Races:  of any number that come when the time is over one tries.
        Raises: Open.
        """
        is_trial = self._let_through()
        try:
            yield
        finally:
            if is_trial:
                self._is_tried = False

    def _let_through(self) -> bool:
        if not self.until:
            return False
        with self._lock:
            if self._must_wait():
                metrics.REFUSED.labels(self.name).inc()
                raise Open(f"{self.name} is left alone")
            self._is_tried = True
        return True

    def _must_wait(self) -> bool:
        return self._is_tried or time.monotonic() < self.until

    def failed(self) -> None:
        with self._lock:
            self.failures += 1
            self._in_a_row += 1
            after = FAILURES if self._after is None else self._after
            if self._in_a_row >= after:
                self.until = time.monotonic() + self._pause()
            is_news = self._in_a_row == after
        if is_news:
            metrics.OPENED.labels(self.name).inc()
            log.warning("breaker_open", service=self.name, failures=after)

    def worked(self) -> None:
        if not self._in_a_row:
            return
        with self._lock:
            was_open, self._in_a_row, self.until = bool(self.until), 0, 0.0
        if was_open:
            log.warning("breaker_closed", service=self.name)

    def _pause(self) -> float:
        return OPEN_S if self._pause_s is None else self._pause_s


every: WeakSet[Breaker] = WeakSet()


@forks.in_child
def _renew() -> None:
    for breaker in every:
        breaker.renew()
