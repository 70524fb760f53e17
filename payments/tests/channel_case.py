"""Orders, refunds and wishes for the tests of the protocols: values, which no table holds."""

from datetime import timedelta
from decimal import Decimal

from payments.channels.base import Wanted
from payments.models import ChannelRefund, PaymentOrder
from payments.states import PayType, Scene
from payments.tests.other_side import NOW


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


def wanted(scene: Scene = Scene.APP) -> Wanted:
    return Wanted(
        scene=scene,
        subject="红包",
        notify_url="https://pay.example/api/v1/payments/notify/x",
        return_url="https://pay.example/back?a=1",
        payer_ip="203.0.113.7",
    )
