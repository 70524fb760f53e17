"""A day's bill out of a channel's own books; the sandbox knows how each channel writes it down."""

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from unittest import mock
from zoneinfo import ZoneInfo

from payments.sandbox import bills
from payments.states import PayType

if TYPE_CHECKING:
    from tests.invariants.channel_books import ChannelBooks

SHANGHAI = ZoneInfo("Asia/Shanghai")


def write(books: "ChannelBooks", day: date) -> bytes:
    """Empty: there were no transactions."""
    lines = _lines(books, day)
    if not lines:
        return b""
    with mock.patch.object(bills, "rows", lambda pay_type, asked, merchant: lines):
        match books.pay_type:
            case PayType.ALIPAY:
                return bills.alipay(day, "2021", "2088", "")
            case PayType.WECHAT:
                return bills.wechat(day, "wx1", "1900", "")
            case _:
                rows = [bills._zm_row(line, "777290058110048") for line in lines]
                return bills._zip({f"INN{day:%y%m%d}88ZM_777290058110048": rows})


def _lines(books: "ChannelBooks", day: date) -> list[bills.Line]:
    found = []
    for trade in books.trades.values():
        if trade.paid and day_of(books.pay_type, trade.paid_at) == day:
            found.append(_line(trade, trade.paid, trade.paid_at))
    for back in books.backs.values():
        if back.is_out and day_of(books.pay_type, back.done_at) == day:
            trade = books.by_trade(back.trade_no)
            number = {"refund_no": back.refund_no, "refund_id": f"9{trade.trade_no[1:]}"}
            found.append(_line(trade, back.amount, back.done_at, **number))
    return sorted(found, key=lambda line: line.at)


def _line(trade, amount: int, at: datetime, **refund) -> bills.Line:
    return bills.Line(
        order_no=trade.order_no,
        trade_no=trade.trade_no,
        scene="app",
        subject="test",
        amount_fen=amount,
        paid_fen=trade.paid,
        made_at=at,
        at=at,
        order_time=at.astimezone(SHANGHAI).strftime("%Y%m%d%H%M%S"),
        **refund,
    )


def day_of(pay_type: PayType, at: datetime) -> date:
    """In which day's bill it stands; UnionPay's day ends at 23:00."""
    ends_early = timedelta(hours=1) if pay_type is PayType.UNIONPAY else timedelta()
    return (at.astimezone(SHANGHAI) + ends_early).date()
