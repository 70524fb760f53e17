"""Something to look at: people, a group, and packets in every state, made through the verbs.

Where the sandbox answers (`make up` runs), channels pay for some: the payer pays there, over HTTP.
Run again, it adds another set.
"""

import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import requests
from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone

from kit.http.caller import Caller
from packets import close, freeze, grab, members, pay, profiles, refund, send
from packets.models import RedPacket
from packets.states import Kind
from payments import chase, order, topup
from payments.channels import registry
from payments.models import PaymentOrder
from payments.states import PayType, Scene
from wallets import credit
from wallets import freeze as wallet_freeze

GROUP = "demo"
PEOPLE = {
    "alice": "小爱",
    "bob": "阿宝",
    "carol": "卡罗 🎈",
    "dave": "大伟",
    "erin": "艾琳",
    "frank": "Frank",
}
SENDER, *OTHERS = PEOPLE
HERE = "127.0.0.1"
SANDBOX_S = 10


class Command(BaseCommand):
    help = "Development: users, a group, and packets in every state."

    def handle(self, **options: Any) -> None:
        now = timezone.now()
        for user_id, nickname in PEOPLE.items():
            profiles.put(user_id=user_id, nickname=nickname, avatar="")
        members.replace(group_id=GROUP, user_ids=PEOPLE)
        for what, packet in self._packets(now):
            self.stdout.write(f"{packet.public_id}  {what}")
        if _plays_channels():
            for what, packet in self._channel_packets(now):
                self.stdout.write(f"{packet.public_id}  {what}")
            self.stdout.write(f"{_topped_up(now).order_no}  top-up by Alipay")
        wallet_freeze.freeze(user_id="mallory", reason="demo: stolen phone", now=now)
        self.stdout.write("wallet mallory  frozen")

    def _packets(self, now: datetime) -> Iterator[tuple[str, RedPacket]]:
        minutes = timedelta(minutes=1)
        long_ago = now - timedelta(seconds=settings.REDPACKET_EXPIRE_S) - 60 * minutes
        yield "lucky, unpaid", _draft(Kind.LUCKY, 5, "20.00", now)
        yield "equal, closed: never paid", _closed(now)
        yield "lucky, open", _issued(Kind.LUCKY, 5, "20.00", now)
        yield "equal, open, two taken", _issued(Kind.EQUAL, 4, "1.50", now, takers=2)
        yield "personal, open", _issued(Kind.PERSONAL, 1, "8.88", now)
        yield "lucky, finished", _issued(Kind.LUCKY, 5, "66.66", now - 2 * minutes, takers=5)
        yield "equal, finished", _issued(Kind.EQUAL, 3, "2.00", now - 90 * minutes, takers=3)
        yield "personal, finished", _issued(Kind.PERSONAL, 1, "5.20", now - minutes, takers=1)
        yield "lucky, expired and refunded", _refunded(Kind.LUCKY, 5, "30.00", long_ago, now, 2)
        yield "personal, expired and refunded", _refunded(Kind.PERSONAL, 1, "6.00", long_ago, now)
        yield "lucky, expired: beat refunds it", _issued(Kind.LUCKY, 3, "9.99", long_ago, takers=1)
        yield "lucky, frozen", _frozen(now)
        yield (
            "exclusive, open, one taken",
            _issued(Kind.EXCLUSIVE, 3, "6.66", now, takers=1),
        )

    def _channel_packets(self, now: datetime) -> Iterator[tuple[str, RedPacket]]:
        yield "equal, awaiting its money, two taken", _reported(PayType.WECHAT, now)[0]
        yield "equal, paid by UnionPay after two were taken", _confirmed_late(now)
        yield "equal, void: its money never arrived", _void(now)
        yield "equal, another amount was paid: a case, a refund proposed", _wrongly_paid(now)


def _draft(kind: Kind, number: int, money: str, now: datetime) -> RedPacket:
    given: dict[str, Any] = {
        "total_money" if kind is Kind.LUCKY else "single_money": Decimal(money)
    }
    for_id = OTHERS[0] if kind is Kind.PERSONAL else GROUP
    if kind is Kind.EXCLUSIVE:
        given["for_users"] = OTHERS[:number]
    wish = send.Wish(kind=kind, for_id=for_id, number=number, **given)
    return send.send(caller=Caller(SENDER), wish=wish, now=now)


def _issued(kind: Kind, number: int, money: str, now: datetime, *, takers: int = 0) -> RedPacket:
    """Paid by balance at `now`, and taken by so many, three seconds apart."""
    packet = _draft(kind, number, money, now)
    credit.credit(user_id=SENDER, amount=packet.total_money, reason="demo", now=now)
    packet = pay.by_balance(public_id=packet.public_id, caller=Caller(SENDER), now=now)
    for taken, user_id in enumerate(OTHERS[:takers], start=1):
        at = now + timedelta(seconds=3 * taken)
        grab.grab(public_id=packet.public_id, caller=Caller(user_id), now=at)
    return packet


def _closed(now: datetime) -> RedPacket:
    long_ago = now - timedelta(seconds=settings.REDPACKET_DRAFT_S + 60)
    packet = _draft(Kind.EQUAL, 3, "1.00", long_ago)
    close.close(packet=packet, now=now)
    return packet


def _refunded(
    kind: Kind, number: int, money: str, issued_at: datetime, now: datetime, takers: int = 0
) -> RedPacket:
    packet = _issued(kind, number, money, issued_at, takers=takers)
    refund.refund_expired(rp_id=packet.pk, now=now)
    return packet


def _frozen(now: datetime) -> RedPacket:
    packet = _issued(Kind.LUCKY, 3, "12.00", now, takers=1)
    freeze.freeze(public_id=packet.public_id, reason="demo: reported as fraud", now=now)
    return packet


# --- Paid by channels


def _plays_channels() -> bool:
    """Whether the sandbox of a running product answers, for all three."""
    try:
        is_there = _sandbox("settings").ok
    except requests.RequestException:
        return False
    return is_there and len(registry.offered()) == 3


def _sandbox(door: str, **asked: Any) -> requests.Response:
    url = f"{settings.REDPACKET_PUBLIC_URL}/sandbox/control/{door}"
    method = "POST" if asked else "GET"
    return requests.request(method, url, json=asked or None, timeout=SANDBOX_S)


def _pay(paid: PaymentOrder, **wish: Any) -> None:
    """The payer pays; the product is notified before this comes back."""
    word = PayType(paid.pay_type).word
    asked = {"pay_type": word, "pay_params": paid.pay_params, "inside": True, **wish}
    _sandbox("pay", **asked).raise_for_status()


def _ordered(pay_type: PayType, now: datetime) -> tuple[RedPacket, PaymentOrder]:
    packet = _draft(Kind.EQUAL, 4, "2.50", now)
    opened = pay.by_channel(
        public_id=packet.public_id,
        caller=Caller(SENDER),
        pay_type=pay_type,
        scene=Scene.APP,
        payer_ip=HERE,
        now=now,
    )
    return packet, opened


def _reported(pay_type: PayType, now: datetime) -> tuple[RedPacket, PaymentOrder]:
    """The app says that it has paid, and two are quick."""
    packet, opened = _ordered(pay_type, now)
    order.report(order_no=opened.order_no, caller=Caller(SENDER), result=None, now=now)
    for user_id in OTHERS[:2]:
        grab.grab(public_id=packet.public_id, caller=Caller(user_id), now=now)
    return packet, opened


def _confirmed_late(now: datetime) -> RedPacket:
    packet, opened = _reported(PayType.UNIONPAY, now)
    _pay(opened)
    return packet


def _void(now: datetime) -> RedPacket:
    packet, opened = _reported(PayType.WECHAT, now)
    word = PayType(opened.pay_type).word
    _sandbox("close", pay_type=word, order_no=opened.order_no).raise_for_status()
    chase.chase(order_id=opened.pk, now=now, at_once=True)
    return packet


def _wrongly_paid(now: datetime) -> RedPacket:
    packet, opened = _ordered(PayType.ALIPAY, now)
    _pay(opened, amount="9.99")
    return packet


def _topped_up(now: datetime) -> PaymentOrder:
    opened = topup.topup(
        caller=Caller(SENDER),
        amount=Decimal("50.00"),
        pay_type=PayType.ALIPAY,
        scene=Scene.APP,
        key=secrets.token_hex(16),
        payer_ip=HERE,
        now=now,
    )
    _pay(opened)
    return opened
