"""What silence attacks with: somebody who keeps whoever calls him, and callers in threads."""

import threading
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

from django.db import connections

DEADLINE_S = 60  # a machine may have much else to do


class Held:
    """Keeps everybody who comes, until it lets all of them go."""

    def __init__(self) -> None:
        self._came = threading.Semaphore(0)
        self._go = threading.Event()

    @classmethod
    def by(cls, there, status: int) -> "Held":
        """Whoever comes to the other side; it answers with this status then."""
        held = cls()

        def answer(asked):
            held.keep()
            return status, {}, b""

        there.answer = answer
        return held

    def keep(self) -> None:
        self._came.release()
        assert self._go.wait(DEADLINE_S)

    def wait_for(self, number: int) -> None:
        for _ in range(number):
            assert self._came.acquire(timeout=DEADLINE_S)

    def let_go(self) -> None:
        self._go.set()


@contextmanager
def kept_by(held: Held, work: Callable[[int], Any], number: int):
    """So many threads are in work(0), work(1), ... and kept there; a list of what each said, filled
    once they were let go."""
    said: list[Any] = [None] * number

    def run(at: int) -> None:
        try:
            said[at] = work(at)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(at,)) for at in range(number)]
    for thread in threads:
        thread.start()
    try:
        held.wait_for(number)
        yield said
    finally:
        held.let_go()
        for thread in threads:
            thread.join(DEADLINE_S)
