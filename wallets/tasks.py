"""Doors of Celery."""

from celery import shared_task
from django.utils import timezone

from wallets import daily


@shared_task(name="wallets.close_days")
def close_days() -> int:
    """Close the days that are over (Spec 2.7)."""
    return daily.close_days(now=timezone.now())
