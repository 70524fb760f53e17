"""Doors of Celery."""

from celery import shared_task
from django.utils import timezone

from kit import clock, duty
from wallets import audit, daily


# A large day takes minutes to sum, and its books a while to bring up after a stop: one worker at a
# time, and no broker delivers it again meanwhile.
@shared_task(name="wallets.keep_books", acks_late=False, soft_time_limit=600, time_limit=630)
def keep_books() -> int:
    """Book what has been committed, and close the days that are over (Spec 2.7)."""
    now = clock.now()
    closed = duty.run("wallets.keep_books", lambda: daily.close_days(now=now), now=now, for_s=660)
    return closed or 0


# It may take as long as the tables are large. Acknowledged at once: a broker must not deliver it
# again while it runs; what a killed worker loses, the next night finds.
@shared_task(name="wallets.audit", acks_late=False, soft_time_limit=4 * 3600, time_limit=5 * 3600)
def audit_all() -> int:
    """Check every rule of money on what came since the last clean audit, on Sundays on everything,
    and keep what came of it."""
    now = clock.now()
    is_whole = timezone.localtime(now).isoweekday() == 7
    return len(audit.run(now=now, is_whole=is_whole))
