"""Celery's consumer in a worker, which outlives its broker (CELERY_WORKER_CONSUMER).

When a connection breaks, it closes what is left of it, and kombu's Redis would give back there what
is in the worker's hands: by a connection that has been taken apart, and that ended the worker. They
need not be given back: Redis keeps what nobody has acknowledged, and whichever worker looks next
takes it when its time is over (`visibility_timeout`).
"""

from typing import Any

from celery.worker import consumer
from kombu.transport.redis import Channel


class Consumer(consumer.Consumer):
    def on_connection_error_after_connected(self, exc: Exception) -> None:
        for channel in _channels(self.connection):
            channel.do_restore = False
        super().on_connection_error_after_connected(exc)


def _channels(connection: Any) -> list[Channel]:
    open_now = getattr(connection.transport, "channels", None) or []
    return [channel for channel in open_now if isinstance(channel, Channel)]
