"""A channel in memory for tests of what is around the channels; the real protocols have their own
tests, and whole stories run against the sandbox."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from payments.channels import base
from payments.models import PaymentOrder
from payments.states import PayType


@dataclass
class Pretend:
    """Does what the test tells it to; counts what it was asked."""

    pay_type: PayType = PayType.ALIPAY
    merchant: str = "pretend"
    account: str = "pretend"
    takes_any_scene: bool = True
    line: str = "pretend"
    ends: bool = False  # what it gave, before the order does
    reused: set[str] = field(default_factory=set)  # numbers that it has seen with other words
    paid: dict[str, base.Payment] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    is_down: bool = False
    refuses: bool = False
    closes: base.State = base.State.CLOSED
    refunds: base.RefundState = base.RefundState.DONE
    calls: list[str] = field(default_factory=list)
    meanwhile: Callable[[], None] | None = None  # happens once, while an order is being made there

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if self.is_down:
            raise base.ChannelDown("does not answer")
        if self.refuses:
            raise base.Refused("no")

    def create(self, order, wanted):
        self._called("create")
        self.wanted = wanted
        if self.meanwhile:
            happens, self.meanwhile = self.meanwhile, None
            happens()
        if order.order_no in self.reused:
            raise base.Reused("seen before")
        return {"order_string": f"{order.order_no}/{wanted.scene}/{len(self.calls)}"}

    def asks_for(self, scene):
        return True

    def ends_early(self, scene):
        return self.ends

    def notice(self, notice, now):
        try:
            said = json.loads(notice.body)
        except ValueError:
            raise base.Forged("no JSON") from None
        if said.get("sign") != "good":
            raise base.Forged("signature")
        if said["state"] != "paid":
            return base.Noted(said["order_no"], said["trade_no"], said["state"])
        return base.Payment(
            self.pay_type, said["order_no"], said["trade_no"], Decimal(said["amount"]), now
        )

    def acknowledge(self, *, accepted):
        return base.Acknowledgement(b"success" if accepted else b"failure")

    def result(self, order, result):
        if result != "good":
            raise base.Forged("signature")

    def query(self, order):
        self._called("query")
        if order.order_no in self.paid:
            return base.Answer(base.State.PAID, self.paid[order.order_no])
        return base.Answer(
            base.State.CLOSED if order.order_no in self.closed else base.State.PENDING
        )

    def close(self, order):
        self._called("close")
        if order.order_no in self.paid:
            return base.Answer(base.State.PAID, self.paid[order.order_no])
        return base.Answer(self.closes)

    def refund(self, refund):
        self._called(f"refund {refund.refund_no}")
        return base.RefundAnswer(self.refunds, "said so")

    def query_refund(self, refund):
        self._called("query_refund")
        return base.RefundAnswer(self.refunds, "said so")

    def bill(self, day):
        raise base.Refused("no bill")

    # --- what a payer does there

    def pay(
        self, order: PaymentOrder, trade_no: str = "T1", amount: str | None = None
    ) -> base.Payment:
        money = Decimal(amount) if amount else order.amount
        self.paid[order.order_no] = base.Payment(self.pay_type, order.order_no, trade_no, money)
        return self.paid[order.order_no]


def said(order_no: str, amount: str, trade_no: str = "T1", sign: str = "good", state: str = "paid"):
    """A notification of this channel."""
    body = {"order_no": order_no, "amount": amount, "trade_no": trade_no}
    return base.Notice(json.dumps(body | {"sign": sign, "state": state}).encode(), {})
