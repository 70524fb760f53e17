"""Shapes of requests and answers: they check what comes in, describe what goes out and render it,
but for what a crowd asks for (docs/decisions/0072-a-packet-is-rendered-by-hand.md)."""

from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from kit.http.api import (
    LineField,
    MomentField,
    StrictSerializer,
    TextField,
    WebAddressField,
    WholeField,
    YuanField,
)
from kit.ids import (
    OUTSIDE_ID_PATTERN,
    PACKET_ID_PATTERN,
    TOLD_ID_PATTERN,
    is_outside_id,
    validate_outside_id,
)
from packets.api.bubbles import Bubble
from packets.send import INTRO_MAX, NAMED_MAX, Wish
from packets.states import KIND_OF, Outcome, PacketState, PayStatus
from payments.api.serializers import CHANNEL_WORDS, SCENES, OrderSerializer
from payments.states import PayType

KINDS = list(KIND_OF)
STATES = [state.value for state in PacketState]
PAY_STATUSES = [status.word for status in PayStatus]
PAY_TYPES = [pay_type.word for pay_type in PayType]
PAY_WAYS = [word for word in PAY_TYPES if word != PayType.UNKNOWN.word]
OUTCOMES = [outcome.value for outcome in Outcome]
ACTIONS = ["pay", "grab"]
BUBBLES = [bubble.value for bubble in Bubble]
EVENT_TYPES = [
    *("packet.issued", "packet.grabbed", "packet.finished", "packet.expired", "packet.voided"),
    *("share.credited", "topup.confirmed"),
]
HEX_PATTERN = r"^[0-9a-f]{64}$"


@extend_schema_field({"type": "string", "pattern": OUTSIDE_ID_PATTERN})
class OutsideIdSerializerField(TextField):
    """A user or group id of the chat platform."""

    def __init__(self, **kwargs: Any):
        super().__init__(
            min_length=1,
            max_length=64,
            validators=[validate_outside_id],
            trim_whitespace=False,
            **kwargs,
        )


class OutsideIdsField(serializers.ListField):
    """A list of them: one by one only to say which is none."""

    child = OutsideIdSerializerField()

    def run_child_validation(self, data: Any) -> Any:
        return data if all(map(is_outside_id, data)) else super().run_child_validation(data)


class SendSerializer(StrictSerializer):
    type = serializers.ChoiceField(choices=KINDS)
    for_id = OutsideIdSerializerField()
    number = WholeField(required=False, min_value=1, max_value=settings.REDPACKET_SHARES_MAX)
    intro = LineField(required=False, allow_blank=True, max_length=INTRO_MAX)
    total_money = YuanField(required=False)
    single_money = YuanField(required=False)
    for_users = OutsideIdsField(required=False, min_length=1, max_length=NAMED_MAX)

    @staticmethod
    def wish(data: dict) -> Wish:
        return Wish(
            kind=KIND_OF[data["type"]],
            for_id=data["for_id"],
            number=data.get("number"),
            total_money=data.get("total_money"),
            single_money=data.get("single_money"),
            intro=data.get("intro", ""),
            for_users=data.get("for_users", ()),
        )


class PaySerializer(StrictSerializer):
    pay_type = serializers.ChoiceField(choices=PAY_WAYS)
    scene = serializers.ChoiceField(choices=SCENES, required=False)

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        is_balance = data["pay_type"] == PayType.BALANCE.word
        if is_balance and "scene" in data:
            raise serializers.ValidationError({"scene": [_("Not for payment by balance.")]})
        if not is_balance and "scene" not in data:
            raise serializers.ValidationError({"scene": [_("This field is required.")]})
        return data


class PersonSerializer(serializers.Serializer):
    user_id = serializers.RegexField(TOLD_ID_PATTERN)
    nickname = serializers.CharField(allow_null=True)
    avatar = serializers.CharField(allow_null=True)


class MineSerializer(serializers.Serializer):
    money = YuanField()
    is_good = serializers.BooleanField(allow_null=True)
    is_into_account = serializers.BooleanField()
    update_time = MomentField()


class TakerSerializer(serializers.Serializer):
    user = PersonSerializer()
    money = YuanField(allow_null=True)  # null: of an exclusive one, for neither sender nor taker
    is_good = serializers.BooleanField(allow_null=True)
    update_time = MomentField()
    position = serializers.IntegerField(allow_null=True)  # of a finished lucky one's draw


class PacketSummarySerializer(serializers.Serializer):
    id = serializers.RegexField(PACKET_ID_PATTERN)
    type = serializers.ChoiceField(choices=KINDS)
    for_id = serializers.RegexField(TOLD_ID_PATTERN)
    for_users = serializers.ListField(
        child=serializers.RegexField(TOLD_ID_PATTERN), allow_null=True
    )
    for_people = PersonSerializer(many=True, allow_null=True)
    intro = serializers.CharField()
    number = serializers.IntegerField()
    total_money = YuanField(allow_null=True)
    single_money = YuanField(allow_null=True)
    state = serializers.ChoiceField(choices=STATES)
    is_frozen = serializers.BooleanField()
    pay_status = serializers.ChoiceField(choices=PAY_STATUSES)
    pay_type = serializers.ChoiceField(choices=PAY_TYPES)
    sender = PersonSerializer()
    taken_number = serializers.IntegerField()
    taken_money = YuanField(allow_null=True)
    return_money = YuanField(allow_null=True)
    return_time = MomentField(allow_null=True)
    add_time = MomentField()
    pay_time = MomentField(allow_null=True)
    expire_time = MomentField(allow_null=True)
    expend_time = serializers.IntegerField(allow_null=True)
    share_min = YuanField(allow_null=True)  # part of the commitment; null unless lucky
    share_max = YuanField(allow_null=True)
    commitment = serializers.RegexField(HEX_PATTERN, allow_null=True)
    seed = serializers.RegexField(HEX_PATTERN, allow_null=True)
    mine = MineSerializer(allow_null=True)
    actions = serializers.ListField(child=serializers.ChoiceField(choices=ACTIONS))
    headline = serializers.CharField()


class PacketSerializer(PacketSummarySerializer):
    shares = TakerSerializer(many=True)


class PacketPageSerializer(serializers.Serializer):
    results = PacketSummarySerializer(many=True)
    next = serializers.CharField(allow_null=True)


class BubbleSerializer(serializers.Serializer):
    id = serializers.RegexField(PACKET_ID_PATTERN)
    type = serializers.ChoiceField(choices=KINDS)
    intro = serializers.CharField()
    number = serializers.IntegerField()
    taken_number = serializers.IntegerField()
    sender = PersonSerializer()
    bubble = serializers.ChoiceField(choices=BUBBLES)


class BubblesSerializer(serializers.Serializer):
    results = BubbleSerializer(many=True)


class LimitsSerializer(serializers.Serializer):
    shares_max = serializers.IntegerField()
    share_min = YuanField()
    share_max = YuanField()
    topup_min = YuanField()
    topup_max = YuanField()
    intro_max = serializers.IntegerField()


class SessionSerializer(serializers.Serializer):
    user = PersonSerializer()
    expire_s = serializers.IntegerField()
    limits = LimitsSerializer()
    channels = serializers.ListField(child=serializers.ChoiceField(choices=CHANNEL_WORDS))


class GroupSerializer(serializers.Serializer):
    group_id = serializers.RegexField(OUTSIDE_ID_PATTERN)
    number = serializers.IntegerField()


class PaidSerializer(serializers.Serializer):
    packet = PacketSerializer()
    order = OrderSerializer(allow_null=True)


class GrabShareSerializer(serializers.Serializer):
    money = YuanField()
    is_into_account = serializers.BooleanField()
    update_time = MomentField()


class GrabSerializer(serializers.Serializer):
    outcome = serializers.ChoiceField(choices=OUTCOMES)
    share = GrabShareSerializer(allow_null=True)


class SentSummarySerializer(serializers.Serializer):
    number = serializers.IntegerField(source="sent_number")
    money = YuanField(source="sent_money")


class ReceivedSummarySerializer(serializers.Serializer):
    number = serializers.IntegerField(source="received_number")
    money = YuanField(source="received_money")
    best_luck = serializers.IntegerField()


class YearSerializer(serializers.Serializer):
    year = serializers.IntegerField()
    sent = SentSummarySerializer(source="figures")
    received = ReceivedSummarySerializer(source="figures")


class MembersSerializer(StrictSerializer):
    members = OutsideIdsField(max_length=100_000)


class ProfileSerializer(StrictSerializer):
    nickname = LineField(allow_blank=True, allow_null=True, max_length=64)
    avatar = WebAddressField(allow_blank=True, allow_null=True, max_length=512)


class EventSerializer(serializers.Serializer):
    id = serializers.CharField(source="place")
    type = serializers.CharField()
    time = MomentField(source="created_at")
    data: Any = serializers.DictField()


class EventPageSerializer(serializers.Serializer):
    results = EventSerializer(source="news", many=True)
    next = serializers.CharField()
