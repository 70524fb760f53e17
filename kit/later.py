"""Hand work to the worker, never on the answer's way (docs/decisions/0020).

A thread of its own publishes, with short time-outs and a breaker: a broker that is dead, or that
accepts and stays silent, delays nobody. What does not get through is lost and counted; a sweep
finds the same work in the database (docs/map.md).
"""

from contextlib import suppress
from typing import Any

import structlog
from celery import current_app

from kit.plumbing import brokers, forks
from kit.plumbing.breaker import Breaker
from kit.plumbing.handoff import Handoff

TASKS_MAX = 1_000  # waiting for the broker
PATIENCE_S = 1.0  # to connect, and for each answer
BROKEN_S = 5.0  # how long nobody tries again after a failure

log = structlog.get_logger(__name__)


def carried() -> dict[str, str]:
    """What a task takes along of whoever leaves it: nothing, unless traces are on (traces.py)."""
    return {}


def run(task: str, *args: Any, in_s: float = 0) -> None:
    """Queue a task by name; never inside a transaction (use on_commit), never raising or waiting.

    A countdown begins when it is published: a moment later than here.
    """
    _tasks.put((task, args, in_s, carried()))


def depth() -> int | None:
    """How many messages wait for a worker; None when the broker does not say within moments."""
    try:
        with current_app.connection_for_read(
            connect_timeout=PATIENCE_S, transport_options=_patience()
        ) as connection:
            connection.connect()
            queue = current_app.conf.task_default_queue
            with suppress(*connection.channel_errors):  # no queue: nothing was ever put into it
                channel: Any = connection.default_channel
                return channel.queue_declare(queue, passive=True).message_count
            return 0
    except Exception as error:  # of whichever transport
        log.warning("broker_down", error=repr(error))
        return None


class _Broker:
    """The publishing thread's own connection: the pool of Celery would wait without end."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Without the parent's connection, in a forked child."""
        self._producer: Any = None
        self.breaker = Breaker("broker", after=1, pause_s=BROKEN_S)

    def publish(self, task: str, args: tuple, in_s: float, headers: dict[str, str]) -> None:
        current_app.send_task(
            task,
            args=args,
            countdown=in_s or None,
            headers=headers,
            ignore_result=True,
            producer=self._connected(),
            retry=False,
            confirm_timeout=PATIENCE_S,
        )

    def failed(self) -> None:
        self.breaker.failed()
        if self._producer is not None:
            producer, self._producer = self._producer, None
            with suppress(Exception):
                producer.connection.collect()  # a polite good-bye would wait for its answer

    def _connected(self) -> Any:
        if self._producer is None:
            connection = current_app.connection_for_write(
                connect_timeout=PATIENCE_S, transport_options=_patience()
            )
            connection.connect()  # once; a channel that connects by itself would go on trying
            self._producer = current_app.amqp.Producer(connection, auto_declare=False)
        return self._producer


def _patience() -> dict[str, float]:
    url = current_app.conf.broker_url
    return brokers.patience(url, connect_s=PATIENCE_S, answer_s=PATIENCE_S)


def _publish(tasks: list[tuple[str, tuple, float, dict[str, str]]]) -> None:
    for task, args, in_s, headers in tasks:
        if not broker.breaker.lets_through():
            _tasks.lose(1)
            continue
        try:
            broker.publish(task, args, in_s, headers)
        except Exception as error:  # whatever it is: the thread must go on
            broker.failed()
            _tasks.lose(1)
            log.warning("broker_down", task=task, error=repr(error))
        else:
            broker.breaker.worked()
            if count := _tasks.lost():
                log.warning("tasks_dropped", count=count)


broker = _Broker()
forks.in_child(broker.renew)
_tasks = Handoff("tasks", _publish, most=TASKS_MAX)
