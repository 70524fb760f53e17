"""Deliver notifications as the channels do: after a lag, again and again until acknowledged.

A row's `next_at` is the queue; moving it is the claim, so that beat, a second beat and the request
that pays never send one delivery twice. Nothing is locked or open while the merchant is asked.
"""

import secrets
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import requests
import structlog
from django.conf import settings
from django.db import close_old_connections, connection
from django.utils import timezone

from kit import pause
from kit.moves import move
from payments.states import PayType
from sandbox import alipay, keys, unionpay, wechat
from sandbox.models import (
    SandboxNotice,
    SandboxRefund,
    SandboxTrade,
    Says,
    TradeState,
)
from sandbox.trades import as_of, beijing

log = structlog.get_logger(__name__)

PLAYS = {PayType.ALIPAY: alipay, PayType.WECHAT: wechat, PayType.UNIONPAY: unionpay}
MINUTE, HOUR = 60, 3600
# Seconds before each repeat, as the channels document them; divided by the sandbox's speed.
SCHEDULES = {
    PayType.ALIPAY: [4 * MINUTE, 10 * MINUTE, 10 * MINUTE, HOUR, 2 * HOUR, 6 * HOUR, 15 * HOUR],
    PayType.WECHAT: [15, 15, 30, 3 * MINUTE, 10 * MINUTE, 20 * MINUTE]
    + [30 * MINUTE] * 3
    + [HOUR, 3 * HOUR, 3 * HOUR, 3 * HOUR, 6 * HOUR, 6 * HOUR],
    PayType.UNIONPAY: [MINUTE, 2 * MINUTE, 4 * MINUTE, 15 * MINUTE],
}
ANSWER_S = 5  # how long the merchant may take
CLAIM_S = 30  # a deliverer that died is replaced after this
AT_ONCE = 20
PAGE = 100  # five rounds of ANSWER_S at the worst: shorter than the claim and than a task may take


def schedule(
    *,
    trade: SandboxTrade,
    says: Says,
    now: datetime,
    lag_s: float = 0,
    times: int = 1,
    forge: Iterable[str] = (),
    refund: SandboxRefund | None = None,
    url: str = "",
) -> list[SandboxNotice]:
    """`times` identical notifications, due after the lag; none when nobody wants one."""
    url = url or trade.notify_url
    if not url:
        return []
    due = now + timedelta(seconds=lag_s)
    notice_id = f"{beijing(now, '%Y%m%d')}00222{secrets.token_hex(12)}"
    return [
        SandboxNotice.objects.create(
            trade=trade,
            refund=refund,
            notice_id=notice_id,
            says=says,
            forge=list(forge),
            url=url,
            due_at=due,
            next_at=due,
        )
        for _ in range(times)
    ]


def deliver_due(*, now: datetime, only: Iterable[int] | None = None) -> int:
    """Send what is due, or the named ones whenever they are due; how many were acknowledged."""
    waiting = SandboxNotice.objects.filter(next_at__isnull=False)
    waiting = waiting.select_related("trade", "refund").order_by("next_at", "pk")
    page = waiting.filter(next_at__lte=now)[:PAGE] if only is None else waiting.filter(pk__in=only)
    claimed = [notice for notice in page if _has_arrived(notice, now) and claim(notice, now)]
    messages = [(notice, *_message(notice, now)) for notice in claimed]
    if not messages:
        return 0
    with ThreadPoolExecutor(AT_ONCE) as pool:  # the pool talks HTTP alone; rows stay with us
        pause.here("notices: has claimed what is due")
        answers = list(pool.map(lambda message: _post(*message), messages))
    return sum(
        _record(notice, is_taken, answer)
        for notice, (is_taken, answer) in zip(claimed, answers, strict=True)
    )


def deliver_soon(ids: list[int]) -> None:
    """Beside the running request; what a dying process leaves, beat sends."""

    def run():
        close_old_connections()
        try:
            deliver_due(now=timezone.now(), only=ids)
        except Exception:
            log.exception("sandbox_delivery_failed")
        finally:
            connection.close()

    threading.Thread(target=run, daemon=True).start()


def _has_arrived(notice: SandboxNotice, now: datetime) -> bool:
    """A payment that is on its way may still be turned back: nobody is told of it yet."""
    return as_of(trade=notice.trade, now=now).state != TradeState.ARRIVING


def claim(notice: SandboxNotice, now: datetime) -> bool:
    rows = SandboxNotice.objects.filter(pk=notice.pk, next_at=notice.next_at)
    notice.next_at = now + timedelta(seconds=CLAIM_S)
    notice.tries += 1
    return move(rows, next_at=notice.next_at, tries=notice.tries)


def _message(
    notice: SandboxNotice, now: datetime
) -> tuple[dict[str, str], bytes] | tuple[None, str]:
    try:
        return PLAYS[PayType(notice.trade.pay_type)].notification(notice, now)
    except keys.KeyMissing as missing:
        return None, f"cannot sign: {missing}"


def _post(notice: SandboxNotice, headers: dict | None, body: bytes | str) -> tuple[bool, str]:
    if headers is None:
        return False, str(body)
    try:
        answer = requests.post(
            notice.url, data=body, headers=headers, timeout=ANSWER_S, allow_redirects=False
        )
    except requests.RequestException as error:
        return False, type(error).__name__
    is_taken = PLAYS[PayType(notice.trade.pay_type)].is_acknowledged(answer)
    is_page = "html" in answer.headers.get("Content-Type", "") and not is_taken
    return is_taken, f"{answer.status_code} {'' if is_page else answer.text[:200]}".strip()


def _record(notice: SandboxNotice, is_taken: bool, answer: str) -> bool:
    now = timezone.now()
    waits = SCHEDULES[PayType(notice.trade.pay_type)]
    next_at = None
    # A forgery is tried once: no channel repeats what it did not send.
    if not is_taken and not notice.forge and notice.tries <= len(waits):
        next_at = now + timedelta(
            seconds=waits[notice.tries - 1] / settings.REDPACKET_SANDBOX_SPEED
        )
    SandboxNotice.objects.filter(pk=notice.pk, tries=notice.tries).update(
        next_at=next_at, answer=answer[:255], acknowledged_at=now if is_taken else None
    )
    return is_taken
