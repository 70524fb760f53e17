"""Shapes of orders: what comes in and what goes out."""

from django.utils import timezone
from rest_framework import serializers

from payments.models import PaymentOrder
from payments.states import CHANNELS, PAYABLE, OrderStatus, PayType, Scene
from redpacket_site.kit.api import StrictSerializer, TextField, YuanField

CHANNEL_WORDS = [pay_type.word for pay_type in CHANNELS]
RESULT_CHARACTERS_MAX = 16_384


class TopupSerializer(StrictSerializer):
    money = YuanField()
    pay_type = serializers.ChoiceField(choices=[*CHANNEL_WORDS, PayType.BALANCE.word])
    scene = serializers.ChoiceField(choices=Scene.values)


class ReportSerializer(StrictSerializer):
    result = TextField(required=False, max_length=RESULT_CHARACTERS_MAX, trim_whitespace=False)


class OrderSerializer(serializers.Serializer):
    order_no = serializers.CharField()
    purpose = serializers.ChoiceField(choices=["packet", "topup"])
    packet = serializers.CharField(allow_null=True)
    pay_type = serializers.ChoiceField(choices=CHANNEL_WORDS)
    status = serializers.ChoiceField(choices=[status.word for status in OrderStatus])
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
