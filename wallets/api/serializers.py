"""Shapes of the wallet's answers; they describe the schema and render the pages."""

from rest_framework import serializers

from kit.http.api import MomentField, YuanField
from wallets.statement import FLOW_KINDS

KINDS = list(FLOW_KINDS)


class WalletSerializer(serializers.Serializer):
    balance = YuanField()
    is_frozen = serializers.BooleanField()


class FlowEntrySerializer(serializers.Serializer):
    id = serializers.CharField()
    kind = serializers.ChoiceField(choices=KINDS)
    money = serializers.RegexField(r"^-?[0-9]+\.[0-9]{2}$")
    time = MomentField()
    title = serializers.CharField()
    packet = serializers.CharField(allow_null=True)
    order = serializers.CharField(allow_null=True)


class FlowSerializer(serializers.Serializer):
    results = FlowEntrySerializer(many=True)
    next = serializers.CharField(allow_null=True)
