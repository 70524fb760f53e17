"""Doors of Celery."""

from celery import shared_task

from kit import clock, fillings


@shared_task(name="kit.fill")
def fill() -> int:
    """Go on filling columns that are new."""
    return fillings.run(now=clock.now())
