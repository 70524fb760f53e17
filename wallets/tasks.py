"""Doors of Celery."""

from celery import shared_task
from django.utils import timezone

from wallets import audit, daily


@shared_task(name="wallets.keep_books")
def keep_books() -> int:
    """Book what has been committed, and close the days that are over (Spec 2.7)."""
    return daily.close_days(now=timezone.now())


# The name that the beat of the release before sends; it goes with the next one.
shared_task(name="wallets.close_days")(keep_books.run)


# It may take as long as the tables are large. Acknowledged at once: a broker must not deliver it
# again while it runs; what a killed worker loses, the next night finds.
@shared_task(name="wallets.audit", acks_late=False, soft_time_limit=4 * 3600, time_limit=5 * 3600)
def audit_all() -> int:
    """Check every rule of money, and keep what came of it."""
    return len(audit.run(now=timezone.now()))
