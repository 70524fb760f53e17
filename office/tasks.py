"""Doors of Celery for the back office."""

from celery import shared_task

from kit import clock
from kit.sweeps import drain
from office.accounts import tries


@shared_task(name="office.forget_tries")
def forget_tries() -> int:
    """Drop counts of tries whose span is over."""
    return drain(lambda: tries.forget(now=clock.now()))
