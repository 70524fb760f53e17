"""Celery's consumer in a worker, which outlives its broker (CELERY_WORKER_CONSUMER).

When a connection breaks, it closes what is left of it, and kombu's Redis would give back there what
is in the worker's hands: by a connection that has been taken apart, and that ended the worker. They
need not be given back: Redis keeps what nobody has acknowledged, and whichever worker looks next
takes it when its time is over (`visibility_timeout`).

A Redis without memory refuses an acknowledgement; that is no lost connection to Celery, and ends
the worker. Its end waits for a broker that may never answer, so it has a bound: who stands there
for good is started again by nobody.
"""

import os
import threading
from typing import Any

from celery.worker import consumer
from kombu.transport.redis import Channel

ENDS_S = 50  # longer than a task may take (CELERY_TASK_TIME_LIMIT), so those under way end well


class Consumer(consumer.Consumer):
    def start(self) -> None:
        try:
            super().start()
        except Exception:
            end_within(ENDS_S)
            raise

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        for channel in _channels(self.connection):
            channel.do_restore = False
        super().on_connection_error_after_connected(exc)


def _channels(connection: Any) -> list[Channel]:
    open_now = getattr(connection.transport, "channels", None) or []
    return [channel for channel in open_now if isinstance(channel, Channel)]


def end_within(seconds: float) -> None:
    """End this process then, whatever it waits for: its supervisor starts it again."""
    timer = threading.Timer(seconds, os._exit, (os.EX_SOFTWARE,))
    timer.daemon = True
    timer.start()
