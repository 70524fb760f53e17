"""Hand work to the worker. The broker may be down: a sweep finds the same work (docs/map.md)."""

import structlog
from celery import current_app
from kombu.exceptions import OperationalError

log = structlog.get_logger(__name__)


def run(task: str, *args, in_s: float = 0) -> None:
    """Queue a task by name; never inside a transaction (use on_commit), never raising."""
    try:
        current_app.send_task(task, args=args, countdown=in_s or None, ignore_result=True)
    except (OperationalError, OSError) as error:
        log.warning("broker_down", task=task, error=repr(error))
