"""Test data through the verbs, never by inserting rows that the code could not have made."""

import json
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.test import Client
from django.utils import timezone

from packets import members, pay, send
from packets.models import RedPacket
from packets.states import Kind
from redpacket_site.kit.caller import Caller
from redpacket_site.kit.management.commands.token import token
from wallets import credit as wallets_credit

GROUP = "g1"
SENDER = "alice"


def yuan(text: str) -> Decimal:
    return Decimal(text)


def make_group(*users: str, group_id: str = GROUP) -> str:
    members.replace(group_id=group_id, user_ids=users)
    return group_id


def make_wallet(user_id: str, amount: str) -> None:
    wallets_credit.credit(user_id=user_id, amount=yuan(amount), reason="test", now=timezone.now())


def make_packet(
    kind: Kind = Kind.LUCKY,
    number: int = 3,
    money: str = "10.00",
    *,
    sender: str = SENDER,
    for_id: str = GROUP,
    now: datetime | None = None,
) -> RedPacket:
    """A draft. `money` is the total of a lucky one, the single share of the others."""
    if kind is not Kind.PERSONAL and not members.number(for_id):
        make_group(sender, *(f"u{i}" for i in range(1, number + 3)), group_id=for_id)
    given = "total_money" if kind is Kind.LUCKY else "single_money"
    wish = send.Wish(kind=kind, for_id=for_id, number=number, **{given: yuan(money)})
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


@dataclass(frozen=True)
class Api:
    """A user of the API, over HTTP through every middleware."""

    bearer: str
    language: str = "zh-Hans"

    def get(self, path: str, **headers: str) -> Any:
        return self._call("get", path, None, headers)

    def post(self, path: str, body: Any = None, key: str | None = None, **headers: str) -> Any:
        """`key` None: a fresh Idempotency-Key; "": none."""
        key = uuid.uuid4().hex if key is None else key
        return self._call("post", path, body, headers | ({"Idempotency-Key": key} if key else {}))

    def put(self, path: str, body: Any = None, **headers: str) -> Any:
        return self._call("put", path, body, headers)

    def delete(self, path: str, **headers: str) -> Any:
        return self._call("delete", path, None, headers)

    def _call(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
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
