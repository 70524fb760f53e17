"""Shapes of orders: what comes in and what goes out."""

from typing import Any

from rest_framework import serializers

from kit.http.api import MomentField, StrictSerializer, TextField, YuanField
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


class WordField(serializers.ChoiceField):
    """A value of `of`, told by its word."""

    def __init__(self, of: Any, **kwargs: Any):
        self.of = of
        super().__init__(**kwargs)

    def to_representation(self, value: Any) -> Any:
        return self.of(value).word


class OrderSerializer(serializers.Serializer):
    order_no = serializers.RegexField(ORDER_NO_PATTERN)
    purpose = serializers.ChoiceField(choices=PURPOSES)
    packet = serializers.CharField(source="reference", allow_null=True)
    pay_type = WordField(PayType, choices=CHANNEL_WORDS)
    status = WordField(OrderStatus, choices=ORDER_STATUSES)
    money = YuanField(source="amount")
    pay_params = serializers.DictField(allow_null=True)
    add_time = MomentField()
    expire_time = MomentField()
    trade_no = serializers.CharField(allow_null=True)

    def to_representation(self, instance: PaymentOrder) -> dict[str, Any]:
        told = super().to_representation(instance)
        told["trade_no"] = told["trade_no"] or None
        if instance.purpose != "packet":
            told["packet"] = None
        if instance.status not in PAYABLE:
            told["pay_params"] = None
        return told
