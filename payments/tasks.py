"""Doors of Celery. A sweep takes one row at a time, oldest first, past bad ones."""

import structlog
from celery import shared_task

from kit import clock, duty, later
from kit.sweeps import drain, sweep
from payments import bill_days, chase
from payments import forget_notices as old_notices
from payments.channels import http, registry, wechat
from payments.channels.base import ChannelDown
from payments.send_refund import due as refunds_due
from payments.send_refund import send
from payments.states import PAY_TYPE_OF

log = structlog.get_logger(__name__)


@shared_task(name="payments.chase_order")
def chase_order(order_id: int) -> None:
    """Ask the channel about one order now."""
    chase.chase(order_id=order_id, now=clock.now())


@shared_task(name="payments.chase_due")
def chase_due() -> int:
    """Ask the channels about every order whose time has come (Spec 2.6)."""

    def ask(key: int) -> object:
        return chase.chase(order_id=key, now=clock.now())  # its lease begins now

    return sweep("chase_due", chase.due(clock.now()), "chase_at", ask)


@shared_task(name="payments.send_refund")
def send_refund(refund_id: int) -> None:
    """Tell the channel about one approved refund."""
    send(refund_id=refund_id, now=clock.now())


@shared_task(name="payments.send_refunds")
def send_refunds() -> int:
    """Send what was approved, and ask about what was sent."""

    def tell(key: int) -> object:
        return send(refund_id=key, now=clock.now())  # its lease begins now

    return sweep("send_refunds", refunds_due(clock.now()), "chase_at", tell)


@shared_task(name="payments.reconcile_due")
def reconcile_due() -> int:
    """Have the bills fetched that are due: a task a channel, each in its own time."""
    now, due = clock.now(), 0
    for pay_type in registry.offered():
        bill_days.plan(pay_type=pay_type, now=now)
        if bill_days.is_due(pay_type, now):
            later.run("payments.reconcile_channel", pay_type.word)
            due += 1
    return due


# A day's bill may have a million rows. The limit is shorter than the lease on a day.
@shared_task(name="payments.reconcile_channel", soft_time_limit=1500, time_limit=1560)
def reconcile_channel(word: str) -> None:
    """Compare every day of this channel whose bill has not been compared, oldest first."""
    bill_days.walk(pay_type=PAY_TYPE_OF[word], now=clock.now())


@shared_task(name="payments.forget_notices")
def forget_notices() -> int:
    """Drop strangers' notices and empty the channels' own, once they are old enough."""
    return drain(lambda: old_notices.forget(now=clock.now()))


@shared_task(name="payments.refresh_certificates")
def refresh_certificates() -> None:
    """Fetch WeChat Pay's platform certificates; the old ones stay until the new are verified."""
    now = clock.now()
    try:
        duty.run(
            "payments.refresh_certificates",
            lambda: wechat.refresh_certificates(now),
            now=now,
            for_s=http.LONGEST_S,
        )
    except ChannelDown as error:
        log.warning("certificates_unavailable", error=str(error))
