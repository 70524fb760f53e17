"""Who takes part in a payment's story: an app on a real socket, and the channel's other side.

The payer pays at the sandbox; the app passes on its signed result; the sandbox notifies over HTTP.
Only time is not real: sweeps and verbs take the moment, and what lags is delivered when asked for.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import requests
from django.conf import settings
from django.utils import timezone

from kit.http.middleware import API
from kit.money import total
from packets import settle
from packets.models import RedPacket, SettlementPass
from packets.tickets import queue as tickets
from payments import chase
from payments.models import PaymentOrder
from testing.make import Api, service, user
from tests.flows.conftest import hold_to_schema
from wallets import accounts
from wallets.models import LedgerLine

TIMEOUT_S = 30
TAKERS = ("bob", "carol", "dave")


@cache
def _line() -> requests.Session:
    """One connection pool for all: the machine's own proxies are not asked."""
    session = requests.Session()
    session.trust_env = False
    return session


class _Answer:
    """What the schema is held against, of an answer that came over a socket."""

    def __init__(self, said: requests.Response):
        self.status_code, self.headers, self.content = said.status_code, said.headers, said.content
        self.json = said.json

    def __getitem__(self, name: str) -> str:
        return self.headers[name]


@dataclass(frozen=True)
class Phone(Api):
    """A user's app: the API over a real socket, each answer held to the served schema."""

    base: str = ""

    def call(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
        told = {"Authorization": f"Bearer {self.bearer}", "Accept-Language": self.language}
        if body is not None:
            told["Content-Type"] = "application/json"
        answer = _Answer(
            _line().request(
                method,
                f"{self.base}{API}{path}",
                data=None if body is None else json.dumps(body),
                headers=told | headers,
                timeout=TIMEOUT_S,
            )
        )
        hold_to_schema(method, f"{API}{path}", answer)
        return answer


@dataclass(frozen=True)
class Shop:
    """One channel of the running product, with the app in front of it and the sandbox behind."""

    base: str
    word: str  # of the channel

    # --- the app
    def phone(self, user_id: str) -> Phone:
        return Phone(user(user_id).bearer, base=self.base)

    def draft(self, kind: str = "equal", number: int = 3, money: str = "2.00") -> str:
        """alice's draft for her group, or for bob alone; its public id."""
        members = {"members": ["alice", *TAKERS]}
        assert service().put("service/groups/g1/members", members).status_code == 204
        wish = {"type": kind, "for_id": "g1", "number": number, "single_money": money}
        if kind == "personal":
            wish |= {"for_id": "bob", "number": 1}
        made = self.phone("alice").post("packets", wish)
        assert made.status_code == 201, made.content
        return made.json()["id"]

    def pay(self, packet: str, scene: str = "app") -> dict:
        """An order at the channel for alice's draft."""
        wish = {"pay_type": self.word, "scene": scene}
        answer = self.phone("alice").post(f"packets/{packet}/pay", wish)
        assert answer.status_code == 200, answer.content
        order = answer.json()["order"]
        assert (order["status"], order["pay_type"]) == ("created", self.word)
        return order

    def report(self, order: dict, result: str | None = None, status: int = 200) -> dict:
        body = {} if result is None else {"result": result}
        answer = self.phone("alice").post(f"orders/{order['order_no']}/report", body)
        assert answer.status_code == status, answer.content
        return answer.json()

    def order(self, order: dict) -> dict:
        return self.phone("alice").get(f"orders/{order['order_no']}").json()

    def packet(self, packet: str, who: str = "alice") -> dict:
        return self.phone(who).get(f"packets/{packet}").json()

    def grab(self, packet: str, who: str) -> dict:
        return self.phone(who).post(f"packets/{packet}/grab").json()

    def wallet(self, who: str) -> str:
        return self.phone(who).get("wallet").json()["balance"]

    # --- the channel
    def paid(self, order: dict, status: int = 200, **wish) -> dict:
        """The payer pays, or does something worse; what the sandbox's control says."""
        asked = {"pay_type": self.word, "pay_params": order["pay_params"], **wish}
        return self.control("pay", asked, status)

    def control(self, door: str, asked: dict, status: int = 200) -> dict:
        answer = _line().post(f"{self.base}/sandbox/control/{door}", json=asked, timeout=TIMEOUT_S)
        assert answer.status_code == status, answer.text
        return answer.json()

    def deliver(self) -> int:
        """All that lags comes now; how many were acknowledged."""
        return self.control("deliver", {})["acknowledged"]

    def trade(self, order: dict) -> dict:
        asked = {"pay_type": self.word, "order_no": order["order_no"]}
        return self.control("trade", asked)

    # --- what runs by itself
    def chase(self, order: dict, now: datetime):
        """Beat's question about this order, at that moment."""
        asked = PaymentOrder.objects.get(order_no=order["order_no"])
        return chase.chase(order_id=asked.pk, now=now)


def both_passes(packet: str) -> list[tuple[int, int, str]]:
    """Pass one and pass two, each when it is due; (pass, shares, money) of each."""
    passes = SettlementPass.objects.filter(packet__public_id=packet).order_by("number")
    for due in passes:
        assert settle.run_pass(rp_id=due.packet_id, number=due.number, now=due.due_at)
    return [(done.number, done.shares, f"{done.money:.2f}") for done in passes.all()]


def expire(packet: str) -> None:
    """The clock cannot be turned, so its deadline comes to it."""
    RedPacket.objects.filter(public_id=packet).update(expire_time=timezone.now())
    tickets.forget(packet)


def events(*types: str) -> list[dict]:
    """What the chat server reads of these types."""
    found = service().get("service/events?limit=100").json()["results"]
    return [event["data"] for event in found if event["type"] in types]


def money(packet: str, word: str) -> tuple[str, str, str]:
    """What lies in the packet's escrow, in suspense, and what the channel owes us."""
    names = (accounts.escrow(packet), accounts.SUSPENSE, accounts.clearing(word))
    escrow, suspense, clearing = (_held(name) for name in names)
    return f"{escrow:.2f}", f"{suspense:.2f}", f"{-clearing:.2f}"


def _held(account: str) -> Decimal:
    lines = LedgerLine.objects
    came = total(lines.filter(target=account), "amount")
    return came - total(lines.filter(source=account), "amount")


def chase_time(order: dict) -> datetime:
    return timezone.now() + timedelta(seconds=settings.REDPACKET_CHASE_S)


def void_time() -> datetime:
    return timezone.now() + timedelta(seconds=settings.REDPACKET_VOID_S)
