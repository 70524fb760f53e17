"""A channel's notification (异步通知): kept as it came, verified, confirmed, acknowledged."""

import time
from datetime import datetime

import structlog

from kit.plumbing import metrics
from payments import confirm, doubt, hear_refund, sayings, strangers
from payments.channels import registry
from payments.channels.base import (
    Acknowledgement,
    Channel,
    Forged,
    Noted,
    Notice,
    Payment,
    Returned,
)
from payments.models import Notification
from payments.states import NoticeOutcome, PayType

log = structlog.get_logger(__name__)

# What the signatures are made of, and how the body is to be read; nothing else is kept.
KEPT_HEADERS = ("content-type", "wechatpay-")
REFUSED = (NoticeOutcome.FORGED, NoticeOutcome.ERROR, NoticeOutcome.DOUBTED)
FORGED_LOGGED_S = 1.0  # one line a second and channel: a flood of forgeries must not fill the disk
_logged_at: dict[PayType, float] = {}


def receive(
    *, pay_type: PayType, notice: Notice, now: datetime, address: str = ""
) -> Acknowledgement:
    """Take one notification; what the channel wants to hear.

    It is verified first: of what a stranger sends only a head is kept (strangers.py). A genuine one
    is committed as it came before anything is done about it. The channel is told "accepted" only
    after the commit of what it caused; otherwise it knocks again.

    Repeats: as often as the channel likes (confirm.py).
    Spec:    1.7, 2.6
    """
    channels = registry.every(pay_type)
    try:
        said, merchant = _verified(channels, notice, now)
    except Exception as error:
        outcome, says = _refused(pay_type, error)
        strangers.keep(
            pay_type=pay_type,
            body=notice.body,
            address=address,
            outcome=outcome,
            says=says,
            now=now,
        )
    else:
        outcome = _heard(pay_type, notice, said, merchant, now)
    metrics.NOTICES.labels(pay_type.word, outcome.value).inc()
    refused = outcome in REFUSED
    return channels[0].acknowledge(accepted=not refused)


def _refused(pay_type: PayType, error: Exception) -> tuple[NoticeOutcome, str]:
    """Not shown to be genuine: forged or, by a fault of ours, not even read."""
    if isinstance(error, Forged):
        _log_forged(pay_type, str(error))
        return NoticeOutcome.FORGED, str(error)
    log.error("notice_unreadable", channel=pay_type.word, exc_info=error)
    return NoticeOutcome.ERROR, sayings.FAILED_HERE


def _heard(
    pay_type: PayType, notice: Notice, said: Payment | Noted, merchant: str, now: datetime
) -> NoticeOutcome:
    """A genuine one: kept, then acted upon."""
    kept = Notification.objects.create(
        pay_type=pay_type,
        headers={
            name: value[:512]
            for name, value in notice.headers.items()
            if name.startswith(KEPT_HEADERS)
        },
        body=notice.body,
        merchant=merchant,
        order_no=said.order_no,
        trade_no=said.trade_no,
        created_at=now,
    )
    try:
        if isinstance(said, Payment):
            outcome, says = confirm.confirm(payment=said, now=now), f"{said.amount:.2f}"
            if outcome is NoticeOutcome.DOUBTED:
                outcome = doubt.settle(payment=said, now=now)
        else:
            outcome, says = NoticeOutcome.NOTED, said.says
            if isinstance(said, Returned):
                hear_refund.hear(pay_type=pay_type, word=said, now=now)
    except Exception:
        outcome, says = NoticeOutcome.ERROR, sayings.FAILED_HERE
        log.exception("notice_failed", channel=pay_type.word, notification=kept.pk)
    Notification.objects.filter(pk=kept.pk).update(outcome=outcome, says=says[:255])
    return outcome


def _verified(
    channels: list[Channel], notice: Notice, now: datetime
) -> tuple[Payment | Noted, str]:
    """What it says and by which merchant's keys: those of before count as long as they are kept.
    Raises Forged, as the keys in force see it."""
    forged: list[Forged] = []
    for channel in channels:
        try:
            return channel.notice(notice, now), channel.merchant
        except Forged as error:
            forged.append(error)
    raise forged[0]


def _log_forged(pay_type: PayType, says: str) -> None:
    now_s = time.monotonic()
    if now_s - _logged_at.get(pay_type, -FORGED_LOGGED_S) >= FORGED_LOGGED_S:
        _logged_at[pay_type] = now_s
        log.warning("notice_forged", channel=pay_type.word, says=says)
