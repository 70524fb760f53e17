"""The pretend channel's own books: open, look, pay, close, refund. Real time, real races."""

import secrets
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet

from kit.moves import move
from kit.retry import unit
from payments.states import PayType
from sandbox.models import RefundState, SandboxRefund, SandboxTrade, Says, TradeState

BEIJING = ZoneInfo("Asia/Shanghai")


class Declined(Exception):
    """What was asked does not fit what there is; each channel says it in its own words."""


class Differs(Declined):
    """The same number was used before for something else."""


class NotPayable(Declined):
    """Paid already, closed, or timed out."""


class NotPaid(Declined):
    pass


class TooMuch(Declined):
    """More than is left of the payment."""


class NoFunds(Declined):
    """On demand: the channel will not refund."""


# What the last request for a number says.
LATEST = ("scene", "subject", "asked", "notify_url", "return_url")


def beijing(at: datetime, form: str) -> str:
    return at.astimezone(BEIJING).strftime(form)


def from_beijing(text: str, form: str) -> datetime:
    return datetime.strptime(text, form).replace(tzinfo=BEIJING)


def digits(count: int) -> str:
    return f"{secrets.randbelow(10**count):0{count}d}"


def of(pay_type: PayType, merchant: str) -> QuerySet[SandboxTrade]:
    """A merchant's own, and those of nobody in particular."""
    return SandboxTrade.objects.filter(pay_type=pay_type, merchant__in=("", merchant))


def open_trade(*, order: SandboxTrade, now: datetime) -> SandboxTrade:
    """Take an order, which is not saved yet.

    Repeats: the same order number gives the same trade. What can still change is that of the last
             request: at Alipay where the payer pays and the title, at WeChat Pay nothing that we
             keep. UnionPay takes a number once; a page's form may be posted again as it is.
    Raises:  Differs when the number stands for something else.
    """
    order.subject, order.notify_url = order.subject[:256], order.notify_url[:512]
    order.return_url = order.return_url[:512]
    same = SandboxTrade.objects.filter(pay_type=order.pay_type, order_no=order.order_no)
    trade = same.first()
    if trade is None:
        order.handle, order.made_at = _handle(order.pay_type, now), now
        try:
            with transaction.atomic():
                order.save(force_insert=True)
                return order
        except IntegrityError:
            trade = same.get()
    if _differs(trade, order):
        raise Differs
    as_of(trade=trade, now=now)
    if trade.state == TradeState.OPEN:
        latest = {name: getattr(order, name) for name in LATEST}
        SandboxTrade.objects.filter(pk=trade.pk, state=TradeState.OPEN).update(**latest)
        trade.refresh_from_db()
    return trade


def _differs(trade: SandboxTrade, order: SandboxTrade) -> bool:
    if (trade.amount_fen, trade.merchant) != (order.amount_fen, order.merchant):
        return True
    same = {
        PayType.ALIPAY: (),
        PayType.WECHAT: ("scene", "subject", "asked", "notify_url"),
        PayType.UNIONPAY: ("scene", "asked"),
    }[PayType(order.pay_type)]
    if order.pay_type == PayType.UNIONPAY and order.scene != "h5":
        return True
    return any(getattr(trade, name) != getattr(order, name) for name in same)


def as_of(*, trade: SandboxTrade, now: datetime) -> SandboxTrade:
    """The trade as it is now: what was on its way has arrived, what timed out is closed."""
    rows = SandboxTrade.objects.filter(pk=trade.pk)
    if trade.state == TradeState.ARRIVING and trade.paid_at <= now:
        move(rows.filter(state=TradeState.ARRIVING, paid_at__lte=now), state=TradeState.PAID)
        trade.refresh_from_db()
    elif trade.state == TradeState.OPEN and trade.expires_at and trade.expires_at <= now:
        move(
            rows.filter(state=TradeState.OPEN), state=TradeState.CLOSED, closed_at=trade.expires_at
        )
        trade.refresh_from_db()
    return trade


def see(*, trade: SandboxTrade, now: datetime, return_url: str = "") -> None:
    """The payer has opened it in his app, or was sent to it from a page that wants him back."""
    rows = SandboxTrade.objects.filter(pk=trade.pk)
    is_first = bool(rows.filter(seen_at=None).update(seen_at=now))
    is_sent = return_url and rows.filter(return_url="").update(return_url=return_url[:512])
    if is_first or is_sent:
        trade.refresh_from_db()


def pay(
    *,
    trade: SandboxTrade,
    now: datetime,
    amount_fen: int | None = None,
    arrives_s: float = 0,
    is_late: bool = False,
) -> SandboxTrade:
    """The payer pays. `arrives_s`: the channel shows it only then; `is_late`: even a closed one.

    Races:  of several payers of one trade one wins.
    Raises: NotPayable.
    """
    as_of(trade=trade, now=now)
    payable = [TradeState.OPEN] + [TradeState.CLOSED] * is_late
    won = move(
        SandboxTrade.objects.filter(pk=trade.pk, state__in=payable, trade_no=None),
        state=TradeState.ARRIVING if arrives_s else TradeState.PAID,
        paid_fen=trade.amount_fen if amount_fen is None else amount_fen,
        paid_at=now + timedelta(seconds=arrives_s),
        seen_at=trade.seen_at or now,
        trade_no=_trade_no(PayType(trade.pay_type), now),
        failure="",
    )
    trade.refresh_from_db()
    if not won:
        raise NotPayable
    return trade


def fail(*, trade: SandboxTrade, why: str, now: datetime) -> None:
    """The payer's try fails; he may try again."""
    SandboxTrade.objects.filter(pk=trade.pk, state=TradeState.OPEN).update(
        failure=why, seen_at=trade.seen_at or now
    )
    trade.refresh_from_db()


def close(*, trade: SandboxTrade, now: datetime) -> SandboxTrade:
    """Close it; a payment that is still on its way is turned back. Raises NotPayable."""
    as_of(trade=trade, now=now)
    rows = SandboxTrade.objects.filter(
        pk=trade.pk, state__in=(TradeState.OPEN, TradeState.ARRIVING)
    )
    with transaction.atomic():
        won = move(
            rows, state=TradeState.CLOSED, closed_at=now, paid_fen=None, paid_at=None, trade_no=None
        )
        if won:  # nobody is told of a payment that was turned back
            trade.notices.filter(says=Says.PAID, acknowledged_at=None).update(
                next_at=None, answer="turned back"
            )
    trade.refresh_from_db()
    if not won:
        raise NotPayable
    return trade


@unit
def refund(
    *,
    trade: SandboxTrade,
    refund_no: str,
    amount_fen: int,
    asked: dict,
    outcome: str,
    after_s: float,
    now: datetime,
) -> tuple[SandboxRefund, bool]:
    """Give back a part or all; whether it is a new one. `outcome`: done, pending, failed, closed,
    refused.

    Races:   the trade's WHERE keeps all refunds within the payment.
    Repeats: the same number gives the same refund.
    Raises:  NotPaid, TooMuch, Differs, NoFunds.
    """
    as_of(trade=trade, now=now)
    earlier = SandboxRefund.objects.filter(trade=trade, refund_no=refund_no).first()
    if earlier:
        if earlier.amount_fen != amount_fen:
            raise Differs
        return refund_as_of(refund=earlier, now=now), False
    if trade.state != TradeState.PAID:
        raise NotPaid
    if outcome == "refused":
        raise NoFunds
    room = SandboxTrade.objects.filter(
        pk=trade.pk, state=TradeState.PAID, paid_fen__gte=F("refunded_fen") + amount_fen
    )
    is_given = outcome not in ("failed", "closed")
    if is_given and not move(room, refunded_fen=F("refunded_fen") + amount_fen):
        raise TooMuch
    trade.refresh_from_db()
    state = {
        "pending": RefundState.PENDING,
        "failed": RefundState.FAILED,
        "closed": RefundState.CLOSED,
    }.get(outcome, RefundState.DONE)
    made = SandboxRefund.objects.create(
        trade=trade,
        refund_no=refund_no,
        refund_id=_refund_id(PayType(trade.pay_type), now),
        amount_fen=amount_fen,
        state=state,
        asked=asked,
        made_at=now,
        done_at=now + timedelta(seconds=after_s if state == RefundState.PENDING else 0),
    )
    return made, True


def refund_as_of(*, refund: SandboxRefund, now: datetime) -> SandboxRefund:
    if refund.state == RefundState.PENDING and refund.done_at <= now:
        SandboxRefund.objects.filter(pk=refund.pk, state=RefundState.PENDING).update(
            state=RefundState.DONE
        )
        refund.refresh_from_db()
    return refund


def _handle(pay_type: PayType, now: datetime) -> str:
    """As long and of the same letters as the real one: prepay id, tn, QR content."""
    if pay_type == PayType.WECHAT:
        return f"wx{beijing(now, '%d%H%M%S')}{secrets.token_hex(13)}"
    if pay_type == PayType.UNIONPAY:
        return digits(21)
    return f"bax{secrets.token_hex(12)}"


def _trade_no(pay_type: PayType, now: datetime) -> str:
    if pay_type == PayType.WECHAT:
        return f"4200{beijing(now, '%Y%m%d')}{digits(16)}"
    if pay_type == PayType.UNIONPAY:
        return f"{beijing(now, '%Y%m%d%H%M%S')}{digits(7)}"
    return f"{beijing(now, '%Y%m%d')}22001{digits(15)}"


def _refund_id(pay_type: PayType, now: datetime) -> str:
    if pay_type == PayType.WECHAT:
        return f"5030{beijing(now, '%Y%m%d')}{digits(17)}"
    return _trade_no(pay_type, now)
