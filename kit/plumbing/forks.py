"""What a forked child must not take over from its parent (docs/decisions/0024).

A fork copies memory and open sockets, and no thread: a queue whose thread stayed behind is never
emptied, a lock that another thread held is never let go, and two processes on one socket read each
other's answers. Whoever keeps such a thing in a module says here how it is made anew; a test finds
those who do not. What a copy does no harm to (remembered tokens, buckets, compiled SQL) is kept;
`random` is seeded anew by Python, and Prometheus looks at the process id itself.
"""

import os
import threading
from collections.abc import Callable
from typing import Any

from django.db import connections

_left: list[Any] = []  # never closed by the child: that would end the parent's sessions


def in_child(renew: Callable[[], Any]) -> Callable[[], Any]:
    """Have renew() called in every forked child, before anything else runs there."""
    os.register_at_fork(after_in_child=renew)
    return renew


def lock() -> threading.Lock:
    """A lock that is free in a forked child: its holder may be a thread that stayed behind."""
    made: Any = threading.Lock()
    in_child(made._at_fork_reinit)  # as Python's own modules do
    return made


@in_child
def _leave_the_parents_connections() -> None:
    for connection in connections.all(initialized_only=True):
        if connection.connection is not None:
            _left.append(connection.connection)
            connection.connection = None
