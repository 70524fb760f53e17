"""Doors of Celery: look again soon, and the sweeps (see kit/sweeps.py)."""

from datetime import timedelta

from celery import shared_task
from django.conf import settings

from kit import clock, later, outbox
from kit.http import idempotency
from kit.sweeps import drain, sweep
from packets import close, finish, refund, settle, years
from packets.models import RedPacket, SettlementPass, Share
from packets.states import PayStatus

LOOKED_AT_PAGES = 25  # open packets that one run looks at: its cost does not grow with their number
MISSED_AFTER_S = 10  # late enough for a grab and its passes to be over
YEARS_OF_ONE_IN = 20  # packets: of whoever is in 200 of them, hardly any year is missed


@shared_task(name="packets.finish_packet")
def finish_packet(rp_id: int, tries: int) -> None:
    """Look again whether all shares are gone: after 1, 2 and 4 seconds, then the sweep does."""
    if not finish.finish(rp_id=rp_id) and tries < len(finish.AGAIN_S):
        later.run("packets.finish_packet", rp_id, tries + 1, in_s=finish.AGAIN_S[tries])


@shared_task(name="packets.settle_packet")
def settle_packet(rp_id: int) -> None:
    """Pass one, right after the confirmation (Spec 1.7); pass two is the sweep's."""
    settle.run_pass(rp_id=rp_id, number=1, now=clock.now())


@shared_task(name="packets.settle_due")
def settle_due() -> int:
    """Run every settlement pass that is due, oldest first; how many were done."""

    def run(key: int) -> object:
        due = SettlementPass.objects.get(pk=key)
        return settle.run_pass(rp_id=due.packet_id, number=due.number, now=clock.now())

    return sweep("settle_due", settle.due(clock.now()), "run_at", run)


@shared_task(name="packets.settle_missed")
def settle_missed() -> int:
    """Credit what both passes have missed; how many packets that were."""
    now = clock.now()
    since = now - timedelta(days=settle.MISSED_WITHIN_DAYS)
    until = now - timedelta(seconds=MISSED_AFTER_S)

    return sweep("settle_missed", settle.missed(since, until), "owed_at", _credit)


@shared_task(name="packets.settle_long_missed")
def settle_long_missed() -> int:
    """The same of what has been owed for longer: a packet that was frozen for months, say. A walk
    by the index, so many pages a run, which goes on where the last one stopped."""
    since = clock.now() - timedelta(days=settle.MISSED_WITHIN_DAYS)
    return sweep(
        "settle_long_missed",
        settle.owed_before(since),
        "owed_at",
        _credit,
        only=settle.creditable,
        pages=LOOKED_AT_PAGES,
    )


def _credit(share_id: int) -> object:
    missed = Share.objects.get(pk=share_id)
    return settle.settle_packet(rp_id=missed.rp_id, now=clock.now()).shares


@shared_task(name="packets.refund_expired")
def refund_expired() -> int:
    """Refund what has expired, oldest first (Spec 1.8); how many packets were dealt with."""
    now = clock.now()
    return sweep(
        "refund_expired",
        refund.due(now),
        "expire_time",
        lambda key: refund.refund_expired(rp_id=key, now=now),
    )


@shared_task(name="packets.finish_taken")
def finish_taken() -> int:
    """Finish packets whose last taker could not."""
    return sum(
        sweep(
            f"finish_taken:{status.word}",
            finish.unfinished(status),
            "expire_time",
            lambda key: finish.finish(rp_id=key),
            only=finish.all_taken,
            pages=LOOKED_AT_PAGES,
        )
        for status in (PayStatus.PAID, PayStatus.AWAITING)
    )


@shared_task(name="packets.close_drafts")
def close_drafts() -> int:
    """Close drafts that nobody paid in time."""
    now = clock.now()
    return sweep(
        "close_drafts",
        close.due(now),
        "draft_until",
        lambda key: close.close(packet=RedPacket.objects.get(pk=key), now=now),
    )


@shared_task(name="packets.keep_year")
def keep_year(user_id: str, year: int) -> int:
    """After somebody has asked for a year that had to be summed."""
    return years.keep(user_id=user_id, year=year, now=clock.now())


@shared_task(name="packets.keep_years")
def keep_years() -> int:
    """The same before anybody asks: of one packet in so many, since whoever sends or takes many is
    met soon; how many packets had such users."""
    now = clock.now()
    return sweep(
        "keep_years",
        years.over_lately(now),
        "pay_time",
        lambda key: years.keep_of(rp_id=key, now=now),
        only=lambda keys: [key for key in keys if key % YEARS_OF_ONE_IN == 0],
    )


@shared_task(name="packets.forget_old")
def forget_old() -> int:
    """Drop events and idempotency records past their promise, and drafts that closed long ago."""
    now = clock.now()
    drain(outbox.give_places)  # an event without a place has not been offered yet
    return drain(lambda: close.forget(now=now)) + drain(
        lambda: (
            outbox.forget(before=now - timedelta(days=settings.EVENTS_KEPT_DAYS))
            + idempotency.forget(before=now - timedelta(hours=25))
        )
    )
