"""Raw notices are kept for a while (settings): then a stranger's row goes, a channel's stays
without its body. What it said, of which order and when, is never dropped."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q

from kit import sweeps
from payments.models import Notification
from payments.states import NoticeOutcome

CHUNK = 500
UNPROVEN = (NoticeOutcome.FORGED, NoticeOutcome.ERROR)


def forget(*, now: datetime) -> int:
    """One chunk of both; how many rows were dropped or emptied. Repeatable."""
    return _drop(now) + _empty(now)


def _drop(now: datetime) -> int:
    before = now - timedelta(days=settings.REDPACKET_FORGED_KEPT_DAYS)
    strangers = Notification.objects.filter(outcome__in=UNPROVEN, created_at__lt=before)
    # An error that has no size is a channel's own word that we could not act upon.
    old = strangers.filter(Q(outcome=NoticeOutcome.FORGED) | Q(size__isnull=False))
    return sweeps.drop(old, CHUNK)


def _empty(now: datetime) -> int:
    before = now - timedelta(days=settings.REDPACKET_NOTICES_KEPT_DAYS)
    old = Notification.objects.filter(emptied_at=None, created_at__lt=before)
    keys = list(old.order_by("created_at").values_list("pk", flat=True)[:CHUNK])
    return Notification.objects.filter(pk__in=keys).update(body=b"", headers={}, emptied_at=now)
