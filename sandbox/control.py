"""How the pretend channels behave: the defaults, and one payment with everything that can be asked
of it. Behind the cashier's buttons and the JSON API alike (docs/sandbox.md)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from payments.states import PayType
from sandbox import forge as forgery
from sandbox import notices, trades
from sandbox.manners import TIMES_MAX, WAIT_S_MAX, Unfit, defaults, number, whole
from sandbox.models import SandboxTrade, Says, TradeState


@dataclass(frozen=True, slots=True)
class Wish:
    """One payment, or one notification without any (`pay` false)."""

    pay: bool = True
    amount_fen: int | None = None
    lag_s: float = 0.0
    arrives_s: float = 0.0
    notify: bool = True
    times: int = 1
    inside: bool = False  # deliver before the answer to this very call
    late: bool = False  # pay even what is closed or timed out
    out_of_order: bool = False  # an older "not paid yet" arrives after it
    forge: tuple[str, ...] = ()

    def __post_init__(self):
        for name in ("pay", "notify", "inside", "late", "out_of_order"):
            if not isinstance(getattr(self, name), bool):
                raise Unfit(f"{name}: true or false")
        for name in ("lag_s", "arrives_s"):
            number(name, getattr(self, name), 0, WAIT_S_MAX)
        whole("times", self.times, 1, TIMES_MAX)
        try:
            forgery.check(list(self.forge))
        except forgery.BadForgery as bad:
            raise Unfit(f"forge: {bad}") from bad


@dataclass(frozen=True, slots=True)
class Done:
    trade: SandboxTrade
    result: str  # the channel's signed synchronous result; empty where it has none
    notices: list[int]


def usual(**asked: Any) -> Wish:
    """A payment as they go by default, but for what is asked."""
    manners = defaults()
    names = ("lag_s", "arrives_s", "notify", "times")
    return Wish(**{name: getattr(manners, name) for name in names} | asked)


def pay(*, trade: SandboxTrade, wish: Wish, now: datetime) -> Done:
    """Pay a trade and let its notifications go as wished. Raises trades.NotPayable.

    Races: the payment and its notifications commit together; delivery begins after that.
    """
    with transaction.atomic():
        if wish.pay:
            trades.pay(
                trade=trade,
                now=now,
                amount_fen=wish.amount_fen,
                arrives_s=wish.arrives_s,
                is_late=wish.late,
            )
        made = []
        lag_s = wish.lag_s + wish.arrives_s
        if wish.notify:
            made += notices.schedule(
                trade=trade,
                says=Says.PAID,
                now=now,
                lag_s=lag_s,
                times=wish.times,
                forge=wish.forge,
            )
        if wish.out_of_order:
            made += notices.schedule(trade=trade, says=Says.UNPAID, now=now, lag_s=lag_s + 1)
    ids = [notice.pk for notice in made]
    if ids and wish.inside:  # in their order, whenever they would have been due
        notices.deliver_due(now=now, only=[one.pk for one in made if one.says == Says.PAID])
        notices.deliver_due(now=now, only=[one.pk for one in made if one.says == Says.UNPAID])
    elif ids and lag_s == 0:
        notices.deliver_soon([notice.pk for notice in made if notice.due_at <= now])
    play = notices.PLAYS[PayType(trade.pay_type)]
    is_paid = trade.state in (TradeState.PAID, TradeState.ARRIVING)
    return Done(trade=trade, result=play.result(trade, now) if is_paid else "", notices=ids)


def refund(*, trade: SandboxTrade, refund_no: str, amount_fen: int, asked: dict, now: datetime):
    """Refund as the defaults say, and notify where the channel does. Raises as trades.refund."""
    manners = defaults()
    made, is_new = trades.refund(
        trade=trade,
        refund_no=refund_no,
        amount_fen=amount_fen,
        asked=asked,
        outcome=manners.refund,
        after_s=manners.refund_s,
        now=now,
    )
    url = asked.get("notify_url") or asked.get("backUrl") or ""
    if is_new and (url or trade.pay_type == PayType.ALIPAY):
        lag_s = manners.lag_s + (manners.refund_s if manners.refund == "pending" else 0)
        notices.schedule(
            trade=trade, says=Says.REFUNDED, refund=made, now=now, lag_s=lag_s, url=url
        )
    return made, is_new
