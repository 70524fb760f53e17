"""A worker's app with tasks that log: `celery -A tests.speaking worker`."""

import os

import structlog

from redpacket_site.celery import app

log = structlog.get_logger(__name__)


@app.task(name="tests.speak")
def speak(word: str) -> None:
    log.warning("spoken", word=word, process=os.getpid())


@app.task(name="tests.fail")
def fail(word: str) -> None:
    held = bytes(10_000_000)  # a traceback that is kept would keep it
    raise ValueError(word, len(held))
