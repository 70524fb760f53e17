"""The worker of dying.py with Celery's own consumer: `celery -A tests.races.fragile worker`."""

from tests.races.dying import app

__all__ = ["app"]

app.conf.worker_consumer = "celery.worker.consumer:Consumer"
