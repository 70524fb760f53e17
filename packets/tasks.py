"""Doors of Celery. A sweep takes one row a transaction, oldest first, past bad ones."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import structlog
from celery import shared_task
from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from packets import close, finish, refund, settle
from packets.models import RedPacket
from packets.states import PayStatus
from redpacket_site.kit import idempotency, later, outbox

log = structlog.get_logger(__name__)

BUDGET_S = 20  # a sweep stops then; the next beat goes on
PAGE = 200
# What the slow sweep looks at: late enough for a grab and its passes to be over, and no older than
# the audit has told anybody; shares of void packets stay owed for ever, and leave the range.
MISSED_AFTER_S, MISSED_WITHIN_DAYS = 10, 30


@shared_task(name="packets.finish_packet")
def finish_packet(rp_id: int, tries: int) -> None:
    """Look again whether all shares are gone: after 1, 2 and 4 seconds, then the sweep does."""
    if not finish.finish(rp_id=rp_id) and tries < len(finish.AGAIN_S):
        later.run("packets.finish_packet", rp_id, tries + 1, in_s=finish.AGAIN_S[tries])


@shared_task(name="packets.settle_packet")
def settle_packet(rp_id: int) -> None:
    """Pass one, right after the confirmation (Spec 1.7); pass two is the sweep's."""
    settle.run_pass(rp_id=rp_id, number=1, now=timezone.now())


@shared_task(name="packets.settle_due")
def settle_due() -> int:
    """Run every settlement pass that is due, oldest first; how many were done."""
    now = timezone.now()
    return _sweep(
        _paged(lambda beyond: settle.due(now, beyond, PAGE)),
        lambda row: settle.run_pass(rp_id=row[2], number=row[3], now=now),
    )


@shared_task(name="packets.settle_missed")
def settle_missed() -> int:
    """Credit what both passes have missed; how many packets that were."""
    now = timezone.now()
    since = now - timedelta(days=MISSED_WITHIN_DAYS)
    until = now - timedelta(seconds=MISSED_AFTER_S)
    rows = _paged(lambda beyond: settle.missed(since, until, beyond, PAGE))
    return _sweep(
        (rp_id for *_, rp_id in rows),
        lambda rp_id: settle.settle_packet(rp_id=rp_id, now=now).shares,
    )


@shared_task(name="packets.refund_expired")
def refund_expired() -> int:
    """Refund what has expired, oldest first (Spec 1.8); how many packets were dealt with."""
    now = timezone.now()
    return _sweep(_expired(now), lambda key: refund.refund_expired(rp_id=key, now=now))


@shared_task(name="packets.finish_taken")
def finish_taken() -> int:
    """Finish packets whose last taker could not."""
    return _sweep(_taken(), lambda key: finish.finish(rp_id=key))


@shared_task(name="packets.close_drafts")
def close_drafts() -> int:
    """Close drafts that nobody paid in time."""
    now = timezone.now()
    found = list(close.due(now).order_by("draft_until")[: PAGE * 10])
    return _sweep(iter(found), lambda packet: close.close(packet=packet, now=now))


@shared_task(name="packets.forget_old")
def forget_old() -> int:
    """Drop events and idempotency records past their promise."""
    now = timezone.now()
    outbox.give_places()
    return outbox.forget(
        before=now - timedelta(days=settings.EVENTS_KEPT_DAYS)
    ) + idempotency.forget(before=now - timedelta(hours=25))


SWEEPS = (
    settle_due,
    settle_missed,
    refund_expired,
    finish_taken,
    close_drafts,
    forget_old,
)


def _sweep(rows: Iterator, verb: Callable) -> int:
    done, began = 0, time.monotonic()
    for row in rows:
        try:
            done += bool(verb(row))
        except Exception:
            log.exception("sweep_row_failed", row=str(row), verb=str(verb))
        if time.monotonic() - began > BUDGET_S:
            break
    return done


def _paged(page: Callable[[tuple | None], list[tuple]]) -> Iterator[tuple]:
    """Rows that begin with (time, key), a page at a time, each behind the last one seen."""
    beyond = None
    while rows := page(beyond):
        yield from rows
        beyond = rows[-1][:2]


def _expired(now) -> Iterator[int]:
    """Keys of packets to refund, oldest first, a page at a time behind the last one seen."""
    due = RedPacket.objects.filter(
        pay_status=PayStatus.PAID, is_cli_handle=False, expire_time__lte=now
    ).order_by("expire_time", "pk")
    page = list(due.values_list("expire_time", "pk", "is_frozen", "voided_at")[:PAGE])
    while page:
        yield from (pk for _, pk, is_frozen, voided_at in page if not (is_frozen or voided_at))
        at, key, *_ = page[-1]
        beyond = due.filter(Q(expire_time__gt=at) | Q(expire_time=at, pk__gt=key))
        page = list(beyond.values_list("expire_time", "pk", "is_frozen", "voided_at")[:PAGE])


def _taken() -> Iterator[int]:
    after = 0
    while page := finish.unfinished(after, PAGE):
        yield from page
        after = page[-1]
