"""What Celery is told of its broker, by the scheme of the URL (docs/scale.md).

On RabbitMQ tasks lie in a quorum queue, of which a minority of dead nodes loses nothing, and who
publishes hears that a majority has the message. Countdowns wait in queues of the broker (Celery's
own way there: topic exchanges, which its workers declare), not in a worker, whose share of
unfinished messages is fixed then.
"""

from pathlib import Path
from typing import Any

from kombu import Exchange, Queue

from kit.plumbing import filebroker

RABBITMQ = ("amqp", "amqps")
# Whoever takes a message and dies, so often: then it is dropped, and the sweep finds its work.
DELIVERIES_MAX = 20
HEARTBEAT_S = 20  # RabbitMQ alone: a worker notices within two of them that it is silent
# The words of each transport for how long a connection, and an answer, is waited for.
_WAITS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    **dict.fromkeys(
        ("redis", "rediss", "sentinel"), (("socket_connect_timeout",), ("socket_timeout",))
    ),
    "redis+socket": ((), ("socket_timeout",)),
    **dict.fromkeys(RABBITMQ, ((), ("read_timeout", "write_timeout"))),
}


def is_rabbitmq(url: str) -> bool:
    return _scheme(url) in RABBITMQ


def options(url: str, folder: Path) -> dict[str, Any]:
    """Of the transport."""
    if _scheme(url) == filebroker.SCHEME:
        return filebroker.options(folder)
    # A broker that is gone without a word must not hold beat or a worker for ever.
    waits = patience(url, connect_s=3, answer_s=10)
    if is_rabbitmq(url):
        return {"confirm_publish": True, **waits}
    # A killed worker's tasks come back after this; longer than any task (limit 45 s).
    back = {"visibility_timeout": 60, "unacked_restore_interval": 5, "unacked_restore_throttle": 1}
    return {**back, **waits}


def patience(url: str, *, connect_s: float, answer_s: float) -> dict[str, float]:
    """Options of the transport: so long and no longer."""
    connect, answer = _WAITS.get(_scheme(url), ((), ()))
    return dict.fromkeys(connect, connect_s) | dict.fromkeys(answer, answer_s)


def queue(url: str) -> Queue:
    """The one in which tasks wait; the same name with other properties would be refused there."""
    if not is_rabbitmq(url):
        return Queue("celery", Exchange("celery"), routing_key="celery")
    return Queue(
        "hongbao",
        Exchange("hongbao", type="topic"),
        routing_key="hongbao",
        queue_arguments={"x-queue-type": "quorum", "x-delivery-limit": DELIVERIES_MAX},
    )


def _scheme(url: str) -> str:
    """The first's, of several."""
    return url.partition(":")[0]
