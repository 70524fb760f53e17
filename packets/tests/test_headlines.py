"""Every cell of api.md's table of headlines, in both languages."""

from datetime import UTC, datetime

import pytest
from django.utils import translation

from packets.api.headlines import duration, headline
from packets.models import RedPacket
from packets.states import Kind, PacketState, PayStatus
from testing.make import yuan

pytestmark = pytest.mark.once

S = PacketState


def personal(**facts):
    facts = {"total_money": yuan("5.00"), "number": 1, "pay_status": PayStatus.PAID} | facts
    return RedPacket(type=Kind.PERSONAL, **facts)


def group(**facts):
    facts = {"total_money": yuan("10.00"), "number": 3, "pay_status": PayStatus.PAID} | facts
    return RedPacket(type=Kind.LUCKY, **facts)


awaiting = {"pay_status": PayStatus.AWAITING}
returned = {"return_money": yuan("5.00"), "is_cli_handle": True}
frozen = {"is_frozen": True}
void = {"voided_at": datetime(2026, 1, 1, tzinfo=UTC)}

TABLE = [
    (personal(), S.UNPAID, True, "待支付", "To be paid"),
    (group(), S.UNPAID, True, "待支付", "To be paid"),
    (personal(), S.CLOSED, True, "未支付，已关闭", "Not paid, closed"),
    (
        personal(),
        S.OPEN,
        True,
        "红包金额5.00元，等待对方领取",
        "Red packet of 5.00 yuan, waiting to be taken",
    ),
    (personal(), S.OPEN, False, "给你发了一个红包", "sent you a red packet"),
    (group(), S.OPEN, True, "已领取1/3个，共3.21/10.00元", "1/3 taken, 3.21/10.00 yuan"),
    (group(), S.OPEN, False, "已领取1/3个", "1/3 taken"),
    (personal(), S.FINISHED, True, "1个红包共5.00元", "1 packet, 5.00 yuan in all"),
    (personal(), S.FINISHED, False, "已存入钱包", "Put into your wallet"),
    (personal(**awaiting), S.FINISHED, False, "等待到账", "Waiting for the payment to arrive"),
    (
        group(),
        S.FINISHED,
        True,
        "3个红包共10.00元，12秒被抢光",
        "3 packets, 10.00 yuan in all, gone in 12 seconds",
    ),
    (
        group(),
        S.FINISHED,
        False,
        "3个红包共10.00元，12秒被抢光",
        "3 packets, 10.00 yuan in all, gone in 12 seconds",
    ),
    (
        personal(**returned),
        S.EXPIRED,
        True,
        "该红包已过期。红包金额5.00元，已退回",
        "This red packet has expired. Its 5.00 yuan were returned",
    ),
    (personal(), S.EXPIRED, True, "该红包已过期", "This red packet has expired"),
    (personal(**returned), S.EXPIRED, False, "该红包已过期", "This red packet has expired"),
    (
        group(),
        S.EXPIRED,
        True,
        "该红包已过期。已领取1/3个，共3.21/10.00元",
        "This red packet has expired. 1/3 taken, 3.21/10.00 yuan",
    ),
    (
        group(),
        S.EXPIRED,
        False,
        "该红包已过期。已领取1/3个",
        "This red packet has expired. 1/3 taken",
    ),
    *(
        (packet, S.VOID, is_sender, "付款未到账，红包已作废", None)
        for packet in (personal(**void), group(**void))
        for is_sender in (True, False)
    ),
    *(
        (packet, state, is_sender, "该红包已被冻结", "This red packet is frozen")
        for packet in (personal(**frozen), group(**frozen))
        for state in S
        for is_sender in (True, False)
    ),
]


@pytest.mark.parametrize(("packet", "state", "is_sender", "chinese", "english"), TABLE)
def test_headline(packet, state, is_sender, chinese, english):
    for language, expected in (("zh-hans", chinese), ("en", english)):
        with translation.override(language):
            text = headline(
                packet,
                state=state,
                taken=1,
                taken_money=yuan("3.21"),
                gone_in_s=12,
                is_sender=is_sender,
            )
        assert expected is None or text == expected


@pytest.mark.parametrize(
    ("seconds", "chinese", "english"),
    [
        (0, "0秒", "0 seconds"),
        (1, "1秒", "1 second"),
        (59, "59秒", "59 seconds"),
        (60, "1分钟", "1 minute"),
        (239, "3分钟", "3 minutes"),
        (3599, "59分钟", "59 minutes"),
        (3600, "1小时", "1 hour"),
        (7200, "2小时", "2 hours"),
        (86399, "23小时", "23 hours"),
    ],
)
def test_duration_is_rounded_down(seconds, chinese, english):
    for language, expected in (("zh-hans", chinese), ("en", english)):
        with translation.override(language):
            assert duration(seconds) == expected
