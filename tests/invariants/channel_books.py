"""The other side's own books: what each channel has taken and given back, and how it lies.

Written from the channels' rules, not from our code. A channel here is honest in its books and
unreliable in its words: it does what it was asked and loses the answer, answers late, grumbles
about permissions and limits, says "unknown" of what it knows, refunds hours later or not at all.
"""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from payments.channels.base import (
    Acknowledgement,
    Answer,
    ChannelDown,
    Forged,
    Noted,
    Notice,
    Payment,
    RefundAnswer,
    RefundState,
    Refused,
    State,
)
from payments.states import PayType
from tests.invariants import bill_files

SLACK = timedelta(minutes=5)  # a time-out there is not to the second
GOOD = "good"  # the signature of a genuine notice

LOST = ("lost before", "lost after")  # asked and not done; done, and the answer lost
GRUMBLES = ("401", "403", "RULE_LIMIT", "SYSTEMERROR")


@dataclass
class Trade:
    """One order as the channel keeps it; amounts in fen."""

    order_no: str
    asked: int
    expires_at: datetime
    state: str = "open"  # open, paid, closed
    trade_no: str = ""
    paid: int = 0
    paid_at: datetime | None = None


@dataclass
class Back:
    """One refund as the channel keeps it. `abnormal`: taken from us, the payer's bank would not
    have it; a person decides at the channel."""

    refund_no: str
    trade_no: str
    amount: int
    state: str = "pending"  # pending, done, failed, abnormal
    turns_at: datetime | None = None
    turns_to: str = "done"
    done_at: datetime | None = None

    @property
    def is_out(self) -> bool:
        return self.state in ("done", "abnormal")


@dataclass
class ChannelBooks:
    """One channel. `says(what, of)` draws how it behaves this time; `meanwhile()` lets others act
    while the call is on its way."""

    pay_type: PayType
    now: Callable[[], datetime]
    says: Callable[..., str]
    meanwhile: Callable[[str], None]
    takes_time: Callable[[], None]
    trades: dict[str, Trade] = field(default_factory=dict)  # by order number
    backs: dict[str, Back] = field(default_factory=dict)  # by refund number
    numbers: int = 0  # trade numbers given out
    is_gone: bool = False  # no answer to anything
    at_work: set[str] = field(default_factory=set)  # refunds that it is being asked for
    lock: threading.RLock = field(default_factory=threading.RLock)

    # --- its books

    def taken(self) -> int:
        return sum(trade.paid for trade in self.trades.values())

    def given_back(self) -> int:
        """What is gone from us: done, or held there for the merchant to say where to."""
        return sum(
            back.amount for back in self.backs.values() if back.state in ("done", "abnormal")
        )

    def look(self) -> None:
        """Time passes there, too."""
        for trade in self.trades.values():
            if trade.state == "open" and trade.expires_at <= self.now():
                trade.state = "closed"
        for back in self.backs.values():
            if back.state == "pending" and back.turns_at <= self.now():
                back.state, back.done_at = back.turns_to, back.turns_at

    def pay(self, order_no: str, *, amount: int | None = None, even_closed: bool = False) -> Trade:
        """The payer pays, there. Raises LookupError when he cannot."""
        with self.lock:
            self.look()
            trade = self.trades.get(order_no)
            if trade is None or trade.paid or (trade.state != "open" and not even_closed):
                raise LookupError(order_no)
            trade.state, trade.paid = "paid", trade.asked if amount is None else amount
            trade.paid_at = self.now()
            self.numbers += 1
            trade.trade_no = f"{self.pay_type:d}{self.numbers:020d}"
            return trade

    def stranger(self, order_no: str, amount: int) -> Trade:
        """Paid to us by a number that we never gave out."""
        self.trades[order_no] = Trade(order_no, amount, self.now() + timedelta(days=1))
        return self.pay(order_no)

    def by_trade(self, trade_no: str) -> Trade | None:
        return next((t for t in self.trades.values() if trade_no and t.trade_no == trade_no), None)

    def notice_of(self, trade: Trade, *, sign: str = GOOD, says: str = "paid") -> Notice:
        body = {"order_no": trade.order_no, "trade_no": trade.trade_no, "amount": trade.paid}
        body |= {"sign": sign, "says": says, "at": trade.paid_at and trade.paid_at.isoformat()}
        return Notice(json.dumps(body).encode(), {})

    # --- what the product asks of a channel (payments/channels/base.py)

    def create(self, order, wanted) -> dict:
        lie = self._called("create", ("lost before", "lost after", "refuse"))
        if lie == "refuse":
            raise Refused("PARAM_ERROR")
        with self.lock:
            self.look()
            asked, until = int(order.amount * 100), order.expire_time + SLACK
            trade = self.trades.get(order.order_no)
            if trade is None and until > self.now():
                trade = self.trades[order.order_no] = Trade(order.order_no, asked, until)
            state = trade.state if trade else "too late"
            differs = trade is not None and trade.asked != asked
        self._answered("create", lie)
        if differs or state != "open":
            raise Refused("ORDERPAID" if state == "paid" else "OUT_TRADE_NO_USED")
        return {"order_string": f"{order.order_no}/{wanted.scene}"}

    def query(self, order) -> Answer:
        lie = self._called("query", ("lost after", "stale", "unknown", "grumble"))
        with self.lock:
            self.look()
            trade = self.trades.get(order.order_no)
            answer = self._state(trade)
        self._answered("query", lie)
        if lie == "stale" and answer.state is State.PAID:
            return Answer(State.PENDING)
        if lie == "unknown" and answer.state is not State.CLOSED:
            return Answer(State.UNKNOWN)
        if lie == "grumble":
            raise self._grumble()
        return answer

    def close(self, order) -> Answer:
        lie = self._called("close", ("lost before", "lost after", "pending", "grumble"))
        if lie == "grumble":
            raise self._grumble()
        if lie == "pending":
            return Answer(State.PENDING)
        with self.lock:
            self.look()
            trade = self.trades.get(order.order_no)
            if trade and trade.state == "open" and self.pay_type is not PayType.UNIONPAY:
                trade.state = "closed"  # UnionPay has no close call: its time runs out
            answer = self._state(trade)
            if trade is None:  # it may still be made, until its time is over
                is_over = self.now() > order.expire_time + 2 * SLACK
                answer = Answer(State.CLOSED if is_over else State.PENDING, says="never made")
        self._answered("close", lie)
        return answer

    def refund(self, refund) -> RefundAnswer:
        if refund.refund_no in self.at_work:  # two at once: one of them hears a no
            raise Refused("REFUND_AMT_NOT_EQUAL_TOTAL")
        self.at_work.add(refund.refund_no)
        try:
            return self._refund(refund)
        finally:
            self.at_work.discard(refund.refund_no)

    def _refund(self, refund) -> RefundAnswer:
        lie = self._called(
            "refund",
            ("lost before", "lost after", "grumble", "refuse", "later", "fails later", "abnormal"),
        )
        with self.lock:
            self.look()
            back = self.backs.get(refund.refund_no)
            if lie == "grumble":
                raise self._grumble()
            if back is None:
                back = self._give_back(refund, lie)
            elif back.amount != int(refund.amount * 100):
                raise Refused("the same number, another amount")
            answer = self._of(back)
        self._answered("refund", lie)
        return answer

    def query_refund(self, refund) -> RefundAnswer:
        lie = self._called("query_refund", ("lost after", "unknown", "grumble"))
        with self.lock:
            self.look()
            back = self.backs.get(refund.refund_no)
            answer = self._of(back) if back else RefundAnswer(RefundState.UNKNOWN)
        self._answered("query_refund", lie)
        if lie == "grumble":
            raise self._grumble()
        if lie == "unknown" and answer.state is RefundState.PENDING:
            return RefundAnswer(RefundState.UNKNOWN)
        return answer

    def notice(self, notice, now) -> Payment | Noted:
        said = json.loads(notice.body)
        if said["sign"] != GOOD:
            raise Forged("signature")
        if said["says"] != "paid":
            return Noted(said["order_no"], said["trade_no"], said["says"])
        return self._payment(self.trades[said["order_no"]])

    def acknowledge(self, *, accepted) -> Acknowledgement:
        return Acknowledgement(b"success" if accepted else b"failure")

    def result(self, order, result) -> None:
        if result != GOOD:
            raise Forged("signature")

    def bill(self, day) -> bytes:
        lie = self._called("bill", ("lost before", "not ready"))
        if lie == "not ready":
            raise ChannelDown("STATEMENT_CREATING")
        with self.lock:
            self.look()
            return bill_files.write(self, day)

    # --- how it does it

    def _called(self, name: str, lies: tuple[str, ...]) -> str:
        if self.is_gone:
            raise ChannelDown("gone")
        self.meanwhile(f"before {name}")
        lie = self.says(f"{name}", lies)
        if lie == "lost before":
            raise ChannelDown(lie)
        return lie

    def _answered(self, name: str, lie: str) -> None:
        self.takes_time()
        self.meanwhile(f"after {name}")
        if lie == "lost after":
            raise ChannelDown(lie)

    def _state(self, trade: Trade | None) -> Answer:
        if trade is None:
            return Answer(State.UNKNOWN)
        if trade.state == "paid":
            return Answer(State.PAID, self._payment(trade))
        return Answer(State.PENDING if trade.state == "open" else State.CLOSED)

    def _payment(self, trade: Trade) -> Payment:
        amount = Decimal(trade.paid).scaleb(-2)
        return Payment(self.pay_type, trade.order_no, trade.trade_no, amount, trade.paid_at)

    def _give_back(self, refund, lie: str) -> Back:
        """The rules: of a payment, with its total, all refunds within it, one number once."""
        trade, amount = self.by_trade(refund.trade_no), int(refund.amount * 100)
        if trade is None:
            raise Refused("TRADE_NOT_EXIST")
        if int(refund.paid * 100) != trade.paid:
            raise Refused("PARAM_ERROR: total is not the payment's")
        given = [b for b in self.backs.values() if b.trade_no == refund.trade_no]
        if sum(b.amount for b in given if b.state != "failed") + amount > trade.paid:
            raise Refused("REFUND_AMT_NOT_EQUAL_TOTAL")
        if lie == "refuse":
            raise Refused("NOT_ENOUGH")
        back = Back(refund.refund_no, refund.trade_no, amount, state="done", done_at=self.now())
        if lie in ("later", "fails later", "abnormal"):
            ends = {"later": "done", "fails later": "failed", "abnormal": "abnormal"}[lie]
            back.state, back.turns_to = "pending", ends
            back.turns_at, back.done_at = self.now() + timedelta(minutes=20), None
        self.backs[back.refund_no] = back
        return back

    @staticmethod
    def _of(back: Back) -> RefundAnswer:
        states = {
            "done": RefundState.DONE,
            "pending": RefundState.PENDING,
            "failed": RefundState.FAILED,
            "abnormal": RefundState.FAILED,
        }
        return RefundAnswer(states[back.state], back.state)

    def _grumble(self) -> Exception:
        """Not a word about this number: permissions, limits, a signature that did not verify."""
        return Refused("grumble")
