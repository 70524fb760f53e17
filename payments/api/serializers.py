"""Shapes of orders: what comes in and what goes out."""

from django.utils import timezone
from rest_framework import serializers

from kit.http.api import StrictSerializer, TextField, YuanField
from kit.ids import ORDER_NO_PATTERN
from payments.models import PaymentOrder
from payments.states import CHANNELS, PAYABLE, OrderStatus, PayType, Scene

CHANNEL_WORDS = [pay_type.word for pay_type in CHANNELS]
PURPOSES = ["packet", "topup"]
TOPUP_WAYS = [*CHANNEL_WORDS, PayType.BALANCE.word]
ORDER_STATUSES = [status.word for status in OrderStatus]
SCENES = Scene.values
RESULT_CHARACTERS_MAX = 16_384


class TopupSerializer(StrictSerializer):
    money = YuanField()
    pay_type = serializers.ChoiceField(choices=TOPUP_WAYS)
    scene = serializers.ChoiceField(choices=SCENES)


class ReportSerializer(StrictSerializer):
    result = TextField(required=False, max_length=RESULT_CHARACTERS_MAX, trim_whitespace=False)


class OrderSerializer(serializers.Serializer):
    order_no = serializers.RegexField(ORDER_NO_PATTERN)
    purpose = serializers.ChoiceField(choices=PURPOSES)
    packet = serializers.CharField(allow_null=True)
    pay_type = serializers.ChoiceField(choices=CHANNEL_WORDS)
    status = serializers.ChoiceField(choices=ORDER_STATUSES)
    money = YuanField()
    pay_params = serializers.DictField(allow_null=True)
    add_time = serializers.DateTimeField()
    expire_time = serializers.DateTimeField()
    trade_no = serializers.CharField(allow_null=True)


def order_json(order: PaymentOrder) -> dict:
    """api.md's Order."""
    return {
        "order_no": order.order_no,
        "purpose": order.purpose,
        "packet": order.reference if order.purpose == "packet" else None,
        "pay_type": PayType(order.pay_type).word,
        "status": OrderStatus(order.status).word,
        "money": f"{order.amount:.2f}",
        "pay_params": order.pay_params if order.status in PAYABLE else None,
        "add_time": timezone.localtime(order.add_time).isoformat(),
        "expire_time": timezone.localtime(order.expire_time).isoformat(),
        "trade_no": order.trade_no or None,
    }
