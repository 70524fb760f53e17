from celery import shared_task
from django.utils import timezone

from sandbox import notices


@shared_task(name="sandbox.deliver")
def deliver() -> int:
    """Send the notifications that are due; the next beat, a second later, goes on."""
    return notices.deliver_due(now=timezone.now())
