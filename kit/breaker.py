"""A circuit breaker (断路器): a service that has been silent several times in a row is left alone
for a while, so that nobody waits for it; then one call tries, and the others still go without."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from kit.plumbing import forks, metrics

log = structlog.get_logger(__name__)

FAILURES = 5  # in a row
OPEN_S = 5.0


class Open(Exception):
    """It is left alone: nothing was sent."""


class Breaker:
    """Per process. Its caller says what counts as silence, and tells of it by `failed`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.forget()
        forks.in_child(self._renew)

    def forget(self) -> None:
        """As if nothing had been called yet."""
        self._failures = 0
        self._until = 0.0
        self._renew()

    def _renew(self) -> None:
        """What is known of the service is kept; a trial that is under way is the parent's."""
        self._lock = threading.Lock()
        self._is_tried = False

    @contextmanager
    def passed(self) -> Iterator[None]:
        """The right to call, and to say what came of it. Ending without a word gives a trial back.

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
        if self._failures < FAILURES:
            return False
        with self._lock:
            if self._is_tried or time.monotonic() < self._until:
                metrics.refused(self.name)
                raise Open(f"{self.name} is left alone")
            self._is_tried = True
        return True

    def failed(self) -> None:
        with self._lock:
            self._failures += 1
            self._until = time.monotonic() + OPEN_S
            is_news = self._failures == FAILURES
        if is_news:
            metrics.opened(self.name)
            log.warning("breaker_open", service=self.name, failures=FAILURES)

    def worked(self) -> None:
        if not self._failures:
            return
        with self._lock:
            was_open, self._failures = self._failures >= FAILURES, 0
        if was_open:
            log.warning("breaker_closed", service=self.name)
