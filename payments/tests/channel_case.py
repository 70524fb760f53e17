"""Orders, refunds and wishes for the tests of the protocols: values, which no table holds."""

import unicodedata
from datetime import datetime, timedelta
from decimal import Decimal

from payments.channels.base import Payment, Wanted
from payments.models import ChannelRefund, PaymentOrder
from payments.states import PayType, Scene
from testing.other_side import NOW, body


def order(**changes) -> PaymentOrder:
    values = {
        "order_no": "hb0001",
        "amount": Decimal("12.34"),
        "scene": Scene.APP,
        "pay_type": PayType.ALIPAY,
        "add_time": NOW - timedelta(seconds=20),
        "expire_time": NOW - timedelta(seconds=20) + timedelta(minutes=15),
        **changes,
    }
    return PaymentOrder(**values)


def paid(trade_no: str, paid_at: datetime, **facts) -> Payment:
    """What a channel says of that order."""
    facts = {"pay_type": PayType.ALIPAY, "order_no": "hb0001", "amount": Decimal("12.34")} | facts
    return Payment(trade_no=trade_no, paid_at=paid_at, **facts)


def refund(**changes) -> ChannelRefund:
    values = {
        "refund_no": "rf0001",
        "order_no": "hb0001",
        "trade_no": "T0001",
        "paid": Decimal("12.34"),
        "amount": Decimal("2.34"),
        "reason": "重复支付",
        "proposed_at": NOW,
        "decided_at": NOW + timedelta(hours=1),
        **changes,
    }
    return ChannelRefund(**values)


# Greetings that a sender may write; what a channel shows of them must be plain text that fits.
HOSTILE = (
    "a/b=c&d",
    "out_trade_no=hb2&total_amount=0.01&sign=x",
    "\u202e012 元\u2066\u200b\ufeff\u200f",
    "line\r\nline\ttab\x00\x1b[31m\x85\u2028",
    "half \ud83e of one \udde7 and \ud800",
    "🧧" * 300,
    "a" + "🧧" * 300,
    "红" * 300,
    "\u202e/=&\x00",
    "",
    '"}],"total_amount":"0.01","x":[{"',
    "{a=1&b=2}[c]",
)


def assert_clean(said: str, most: int) -> None:
    assert 0 < len(said.encode("utf-16-le")) // 2 <= most
    assert not set(said) & set("/=&\r\n\t")
    assert not [char for char in said if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl")]
    assert said == said.strip()


def spoilt(genuine: dict[str, str], name: str) -> list[bytes]:
    """A form with this field changed, dropped, doubled."""
    changed = {**genuine, name: genuine[name] + "1"}
    dropped = {key: value for key, value in genuine.items() if key != name}
    return [body(changed), body(dropped), body(genuine) + b"&" + body({name: genuine[name]})]


def wanted(scene: Scene = Scene.APP, subject: str = "红包") -> Wanted:
    return Wanted(
        scene=scene,
        subject=subject,
        notify_url="https://pay.example/api/v1/payments/notify/x",
        return_url="https://pay.example/back?a=1",
        payer_ip="203.0.113.7",
    )
