"""A queue with one thread behind it, for work that must not keep anybody waiting.

Log lines and tasks for the broker leave this way (docs/decisions/0020, 0024). The queue is bounded:
what finds it full is lost and counted. The thread begins with the first item, so a forked child,
which inherits no thread, simply begins anew; what its parent had queued stays the parent's.
"""

import atexit
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.util import Finalize
from queue import Empty, SimpleQueue
from typing import Any

from kit.plumbing import forks, metrics

FLUSH_S = 2.0  # how long an exit waits for what is queued: a terminal may be stuck

_all: list["Handoff"] = []


class Handoff:
    """work(items) in a thread of its own, in order; put() never waits and never raises. What comes
    within `gathers_s` of an item is worked on with it; who flushes does not wait for that.

    Races:   several threads may put at once: the bound is kept to within their number.
    """

    def __init__(self, name: str, work: Callable[[list], None], *, most: int, gathers_s: float = 0):
        self.name, self.most, self.gathers_s, self._work = name, most, gathers_s, work
        self._renew()
        forks.in_child(self._renew)
        _all.append(self)

    def _renew(self) -> None:
        self._items: SimpleQueue[Any] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.RLock()  # a signal handler may log while its thread holds it
        self._lost = 0
        self._is_over = False

    def put(self, item: Any) -> None:
        if self._items.qsize() >= self.most:
            self.lose(1)
            return
        self._items.put(item)
        if self._thread is None:
            self._begin()
        elif self._is_over:
            self._work_off(self._items)

    def lose(self, count: int) -> None:
        """So many items will not be worked on."""
        with self._lock:
            self._lost += count
        metrics.DROPPED.labels(self.name).inc(count)

    def lost(self) -> int:
        """How many were lost since the last call."""
        with self._lock:
            count, self._lost = self._lost, 0
        return count

    def flush(self, within_s: float = FLUSH_S) -> bool:
        """Wait until what is queued has been worked on; False when it takes too long."""
        if self._thread is None:
            return True
        reached = threading.Event()
        self._items.put(reached)
        if self._is_over:
            self._work_off(self._items)
        return reached.wait(within_s)

    def _begin(self) -> None:
        with self._lock:
            if self._thread is None:
                name = f"hongbao-{self.name}"
                self._thread = threading.Thread(
                    target=self._run, args=(self._items,), name=name, daemon=True
                )
                try:
                    self._thread.start()
                except RuntimeError:  # the interpreter is ending: no thread begins any more
                    self._is_over = True
                    self._work_off(self._items)

    def _run(self, items: SimpleQueue) -> None:
        while True:
            self._work_off(items, self._gathered(items))

    def _gathered(self, items: SimpleQueue) -> list:
        batch, until = [items.get()], time.monotonic() + self.gathers_s
        with suppress(Empty):
            while (left := until - time.monotonic()) > 0:
                if isinstance(batch[-1], threading.Event):
                    break
                batch.append(items.get(timeout=left))
        return batch

    def _work_off(self, items: SimpleQueue, batch: list | None = None) -> None:
        batch = batch or []
        while not items.empty():
            batch.append(items.get())
        work = [item for item in batch if not isinstance(item, threading.Event)]
        try:
            if work:
                self._work(work)
        except Exception:
            traceback.print_exc()  # a log that fails cannot say so through itself
        for item in batch:
            if isinstance(item, threading.Event):
                item.set()


def flush_all(within_s: float = FLUSH_S) -> bool:
    """The last made first: publishing may log. False when one of them takes too long."""
    are_done = True
    for handoff in reversed(_all):
        with suppress(Exception):
            are_done &= handoff.flush(within_s)
    return are_done


def _end() -> None:
    flush_all()
    for handoff in _all:
        handoff._is_over = True  # what is put after this is worked on by whoever puts it


# A process that multiprocessing has forked (granian's) ends without atexit, with finalizers.
atexit.register(_end)
Finalize(None, flush_all, exitpriority=-100)
