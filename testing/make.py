"""Test data through the verbs, never by inserting rows that the code could not have made."""

import json
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.test import Client
from django.utils import timezone

from kit import heartbeat, ids, retry
from kit.http.caller import Caller
from kit.plumbing import redis
from packets import members, pay, send
from packets.models import RedPacket
from packets.states import Kind
from packets.tickets import queue as tickets
from payments import channel_refund, purposes, topup
from payments import confirm as payments_confirm
from payments import order as payments_order
from payments.channels.base import Payment
from payments.models import ChannelRefund, PaymentOrder
from payments.states import NoticeOutcome, OrderStatus, PayType, Scene
from sandbox import trades
from sandbox.management.commands.token import token
from sandbox.models import SandboxTrade
from wallets import accounts, adjust
from wallets import credit as wallets_credit
from wallets.models import Adjustment

GROUP = "g1"
SENDER = "alice"


def yuan(text: str) -> Decimal:
    return Decimal(text)


def make_group(*users: str, group_id: str = GROUP) -> str:
    members.replace(group_id=group_id, user_ids=users)
    return group_id


def make_wallet(user_id: str, amount: str) -> None:
    wallets_credit.credit(user_id=user_id, amount=yuan(amount), reason="test", now=timezone.now())


def set_clocks(monkeypatch, moment: datetime) -> None:
    """For tasks, which read the time themselves: this machine's clock and the database's."""
    monkeypatch.setattr(timezone, "now", lambda: moment)
    monkeypatch.setattr(heartbeat, "database_now", lambda: moment)


def let_leases_run_out() -> None:
    """As if the lease of a ticket had gone by: Redis counts it by its own clock, so its marks are
    made older."""
    with suppress(redis.Down):
        redis.call(_make_older)


def _make_older(connection) -> None:
    age = -tickets.LEASE_MS - 1
    for takers in connection.scan_iter("packet:*:t"):
        for user in connection.hkeys(takers):
            connection.hincrby(takers, user, age)
    for header in connection.scan_iter("packet:*:h"):
        connection.hincrby(header, "popped", age)


def make_packet(
    kind: Kind = Kind.LUCKY,
    number: int = 3,
    money: str = "10.00",
    *,
    sender: str = SENDER,
    for_id: str = GROUP,
    for_users: Sequence[str] = (),
    now: datetime | None = None,
) -> RedPacket:
    """A draft. `money` is the total of a lucky one, the single share of the others. `for_users`: of
    an exclusive one, u1, u2, ... unless told otherwise."""
    if kind is not Kind.PERSONAL and not members.number(for_id):
        make_group(sender, *(f"u{i}" for i in range(1, number + 3)), group_id=for_id)
    given = "total_money" if kind is Kind.LUCKY else "single_money"
    named = for_users or [f"u{i}" for i in range(1, number + 1)]
    wish = send.Wish(
        kind=kind,
        for_id=for_id,
        number=len(named) if kind is Kind.EXCLUSIVE else number,
        for_users=named if kind is Kind.EXCLUSIVE else (),
        **{given: yuan(money)},
    )
    return send.send(caller=Caller(sender), wish=wish, now=now or timezone.now())


def make_paid_packet(kind: Kind = Kind.LUCKY, number: int = 3, money: str = "10.00", **kwargs):
    """Sent, paid by balance, issued."""
    now = kwargs.get("now") or timezone.now()
    packet = make_packet(kind, number, money, **kwargs)
    make_wallet(packet.user_id, f"{packet.total_money:.2f}")
    return pay.by_balance(public_id=packet.public_id, caller=Caller(packet.user_id), now=now)


def make_expired_packet(kind: Kind = Kind.LUCKY, number: int = 3, money: str = "10.00", **kwargs):
    """Paid so long ago that it has expired by now."""
    past = timezone.now() - timedelta(seconds=settings.REDPACKET_EXPIRE_S + 60)
    return make_paid_packet(kind, number, money, now=past, **kwargs)


def make_order(packet: RedPacket, pay_type: PayType = PayType.ALIPAY) -> PaymentOrder:
    """An open order of a packet at a channel."""
    now = timezone.now()
    return PaymentOrder.objects.create(
        order_no=ids.merchant_no("rp"),
        purpose="packet",
        reference=packet.public_id,
        user_id=packet.user_id,
        pay_type=pay_type,
        scene="app",
        amount=packet.total_money,
        add_time=now,
        expire_time=now + timedelta(seconds=settings.REDPACKET_PAY_S),
        chase_at=now + timedelta(seconds=settings.REDPACKET_PAY_S),
    )


def make_topup(
    amount: str = "50.00",
    *,
    user_id: str = "bob",
    pay_type: PayType = PayType.ALIPAY,
    scene: Scene = Scene.APP,
    key: str = "k",
    now: datetime | None = None,
) -> PaymentOrder:
    """An order that waits for its money."""
    return topup.topup(
        caller=Caller(user_id),
        amount=yuan(amount),
        pay_type=pay_type,
        scene=scene,
        key=key,
        payer_ip="127.0.0.1",
        now=now or timezone.now(),
    )


@retry.unit
def report(order: PaymentOrder, now: datetime) -> None:
    """The app says that it has paid."""
    PaymentOrder.objects.filter(pk=order.pk, status=OrderStatus.CREATED).update(
        status=OrderStatus.REPORTED, reported_at=now
    )
    purposes.owners[order.purpose].reported(order, now)


def confirm(order: PaymentOrder, now: datetime) -> bool:
    """The channel says that it has been paid; True when the packet got the money."""
    return pay_order(order, now) is NoticeOutcome.CONFIRMED


def pay_order(order: PaymentOrder, now: datetime, trade: str = "t") -> NoticeOutcome:
    """The channel tells of a payment of this order; of another one by another name."""
    payment = Payment(
        pay_type=PayType(order.pay_type),
        order_no=order.order_no,
        trade_no=f"{trade}-{order.order_no}",
        amount=order.amount,
        paid_at=now,
    )
    return payments_confirm.confirm(payment=payment, now=now)


def end(order: PaymentOrder, now: datetime) -> bool:
    """The channel says that it will never be paid."""
    order.refresh_from_db()
    is_reported = order.status == OrderStatus.REPORTED
    to = OrderStatus.UNPAID if is_reported else OrderStatus.CLOSED
    return payments_order.end(order_id=order.pk, to=to, now=now)


def make_reported_packet(kind: Kind = Kind.LUCKY, number: int = 3, money: str = "10.00", **kwargs):
    """Issued on the app's word; the packet and its order."""
    packet = make_packet(kind, number, money, **kwargs)
    order = make_order(packet)
    report(order, kwargs.get("now") or timezone.now())
    return RedPacket.objects.get(pk=packet.pk), order


def make_refund(order: PaymentOrder, *, maker_id: int, checker_id: int) -> ChannelRefund:
    """Of all that was paid, approved and to be sent."""
    now = timezone.now()
    refund = channel_refund.propose(
        order_no=order.order_no,
        amount=order.amount,
        reason="all of it",
        maker_id=maker_id,
        now=now,
    )
    channel_refund.approve(refund_no=refund.refund_no, checker_id=checker_id, now=now)
    refund.refresh_from_db()
    return refund


def propose_adjustment(user_id: str, amount: str, *, maker_id: int, **wish: Any) -> Adjustment:
    """From the platform into his wallet, but for what the wish says."""
    wish = {"is_credit": True, "other": accounts.PLATFORM, "reason": "test"} | wish
    return adjust.propose(
        user_id=user_id, amount=yuan(amount), maker_id=maker_id, **{"now": timezone.now()} | wish
    )


def make_trade(now: datetime, **changes: Any) -> SandboxTrade:
    """Open at the pretended WeChat Pay."""
    wish = {
        "pay_type": PayType.WECHAT,
        "order_no": "rp000001",
        "amount_fen": 100,
        "scene": "app",
        "subject": "",
        "asked": {},
        "notify_url": "http://127.0.0.1:9/",
        "return_url": "",
        "expires_at": None,
    }
    return trades.open_trade(order=SandboxTrade(**wish | changes), now=now)


@dataclass(frozen=True)
class Api:
    """A user of the API, over HTTP through every middleware."""

    bearer: str
    language: str = "zh-Hans"

    def get(self, path: str, **headers: str) -> Any:
        return self.call("get", path, None, headers)

    def post(self, path: str, body: Any = None, key: str | None = None, **headers: str) -> Any:
        """`key` None: a fresh Idempotency-Key; "": none."""
        key = uuid.uuid4().hex if key is None else key
        return self.call("post", path, body, headers | ({"Idempotency-Key": key} if key else {}))

    def put(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.call("put", path, body, headers)

    def delete(self, path: str, **headers: str) -> Any:
        return self.call("delete", path, None, headers)

    def call(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
        headers = {
            "Authorization": f"Bearer {self.bearer}",
            "Accept-Language": self.language,
        } | {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if isinstance(body, (bytes, str)) else json.dumps(body)
        extra = {} if body is None else {"data": data, "content_type": "application/json"}
        path = path if path.startswith("/") else f"/api/v1/{path}"
        return getattr(Client(raise_request_exception=False), method)(
            path, headers=headers, **extra
        )


def user(user_id: str, language: str = "zh-Hans") -> Api:
    return Api(token(user_id, 3600), language)


def service() -> Api:
    return Api(settings.REDPACKET_SERVICE_KEY)
