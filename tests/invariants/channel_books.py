"""The other side's own books: what each channel has taken and given back, and how it lies.

Written from the channels' rules, not from our code. A channel here is honest in its books and
unreliable in its words: it does what it was asked and loses the answer, answers late, grumbles
about permissions and limits, says "unknown" of what it knows, refunds hours later or not at all.
"""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from decimal import Decimal

from payments.channels import base
from payments.states import PayType
from tests.invariants import bill_files

SLACK = timedelta(minutes=5)  # a time-out there is not to the second
GOOD = "good"  # the signature of a genuine notice

LOST = ("lost before", "lost after")  # asked and not done; done, and the answer lost
# How a refund that was accepted goes on: minutes, and what it is then. The last one is the channel
# that errs: it says failed, and has paid.
ENDS: dict[str, tuple[tuple[int, str], ...]] = {
    "later": ((20, "done"),),
    "days later": ((8000, "done"),),
    "fails later": ((20, "failed"),),
    "abnormal": ((20, "abnormal"),),
    "no, then yes": ((20, "failed"), (200, "done")),
}


@dataclass
class Trade:
    """One order as the channel keeps it; amounts in fen."""

    order_no: str
    asked: int
    expires_at: datetime
    merchant: str
    scene: str = "app"
    state: str = "open"  # open, paid, closed
    trade_no: str = ""
    paid: int = 0
    paid_at: datetime | None = None


@dataclass
class Back:
    """One refund as the channel keeps it. `abnormal`: taken from us, the payer's bank would not
    have it; a person says at the channel where it goes. `turns`: what it is later, and when."""

    refund_no: str
    trade_no: str
    amount: int
    state: str  # pending, done, failed, abnormal
    done_at: datetime | None = None
    turns: list[tuple[datetime, str]] = field(default_factory=list)

    @property
    def is_out(self) -> bool:
        return self.state in ("done", "abnormal")

    def turn(self, state: str, at: datetime) -> None:
        self.state = state
        self.done_at = at if self.is_out else None


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
    merchants: list[str] = field(default_factory=lambda: ["m0"])  # ours there; the last is in force
    ends_of: dict[str, str] = field(default_factory=dict)  # how each refund was to go on
    at_work: set[str] = field(default_factory=set)  # refunds that it is being asked for
    misnamed: set[str] = field(default_factory=set)  # orders of which a notice said another amount
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
            while back.turns and back.turns[0][0] <= self.now():
                at, state = back.turns.pop(0)
                back.turn(state, at)

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
        with self.lock:
            until = self.now() + timedelta(days=1)
            self.trades[order_no] = Trade(order_no, amount, until, self.merchants[-1])
            return self.pay(order_no)

    def by_trade(self, trade_no: str) -> Trade | None:
        return next((t for t in self.trades.values() if trade_no and t.trade_no == trade_no), None)

    def wrong_notice_of(self, trade: Trade, amount: int) -> base.Notice:
        """Genuine, and not true: its answer to a question, and its bill, say what was paid."""
        self.misnamed.add(trade.order_no)
        return self.notice_of(replace(trade, paid=amount))

    def notice_of(self, trade: Trade, *, sign: str = GOOD, says: str = "paid") -> base.Notice:
        body = {"order_no": trade.order_no, "trade_no": trade.trade_no, "amount": trade.paid}
        body |= {"sign": sign, "says": says, "merchant": trade.merchant}
        return base.Notice(json.dumps(body).encode(), {})

    @property
    def erred(self) -> list[str]:
        """The refunds of which it said failed, and which it paid."""
        return [no for no, lie in self.ends_of.items() if lie == "no, then yes"]

    def says_where(self, refund_no: str, to_payer: bool) -> str:
        """A person at the channel's own pages: what became of it; he says it where it waits."""
        with self.lock:
            self.look()
            back = self.backs.get(refund_no)
            if back and back.state == "abnormal":
                back.turn("done" if to_payer else "failed", self.now())
            return back.state if back else ""

    # --- what the product asks of a channel (payments/channels/base.py)

    def create(self, merchant: str, order, wanted) -> dict:
        lie = self._called("create", ("lost before", "lost after", "refuse"))
        if lie == "refuse":
            raise base.Refused("PARAM_ERROR")
        with self.lock:
            self.look()
            asked, until = int(order.amount * 100), order.expire_time + SLACK
            trade = self.trades.get(order.order_no)
            is_new = trade is None and until > self.now()
            if is_new:
                trade = Trade(order.order_no, asked, until, merchant, wanted.scene)
                self.trades[order.order_no] = trade
            state = trade.state if trade else "too late"
            words = (asked, merchant, wanted.scene)
        self._answered("create", lie)
        if state != "open":
            raise base.Refused("ORDERPAID" if state == "paid" else "ORDER_CLOSED")
        is_double = not is_new and self.pay_type is PayType.UNIONPAY
        is_other = words[:2] != (trade.asked, trade.merchant)
        if self.pay_type is PayType.WECHAT:
            is_other = words != (trade.asked, trade.merchant, trade.scene)
        if is_double or is_other:
            raise base.Reused("OUT_TRADE_NO_USED")
        return {"order_string": f"{order.order_no}/{wanted.scene}"}

    def query(self, merchant: str, order) -> base.Answer:
        lie = self._called("query", ("lost after", "stale", "unknown", "grumble"))
        with self.lock:
            self.look()
            answer = self._state(self._of_merchant(merchant, order.order_no))
        self._answered("query", lie)
        if lie == "stale" and answer.state is base.State.PAID:
            return base.Answer(base.State.PENDING)
        if lie == "unknown" and answer.state is not base.State.CLOSED:
            return base.Answer(base.State.UNKNOWN)
        if lie == "grumble":
            raise self._grumble()
        return answer

    def close(self, merchant: str, order) -> base.Answer:
        lie = self._called("close", ("lost before", "lost after", "pending", "grumble"))
        if lie == "grumble":
            raise self._grumble()
        if lie == "pending":
            return base.Answer(base.State.PENDING)
        with self.lock:
            self.look()
            trade = self._of_merchant(merchant, order.order_no)
            if trade and trade.state == "open" and self.pay_type is not PayType.UNIONPAY:
                trade.state = "closed"  # UnionPay has no close call: its time runs out
            answer = self._state(trade)
            if trade is None:  # it may still be made, until its time is over
                is_over = self.now() > order.expire_time + 2 * SLACK
                answer = base.Answer(
                    base.State.CLOSED if is_over else base.State.PENDING, says="never made"
                )
        self._answered("close", lie)
        return answer

    def refund(self, merchant: str, refund) -> base.RefundAnswer:
        if refund.refund_no in self.at_work:  # two at once: one of them hears a no
            return base.RefundAnswer(base.RefundState.REFUSED, "REFUND_AMT_NOT_EQUAL_TOTAL")
        self.at_work.add(refund.refund_no)
        try:
            return self._refund(merchant, refund)
        finally:
            self.at_work.discard(refund.refund_no)

    def _refund(self, merchant: str, refund) -> base.RefundAnswer:
        lie = self._called("refund", ("lost before", "lost after", "grumble", "refuse", *ENDS))
        with self.lock:
            self.look()
            back = self.backs.get(refund.refund_no)
            if lie == "grumble":
                raise base.ChannelDown("a word about the key, the limit or the moment")
            if back is None and lie == "refuse":
                return base.RefundAnswer(base.RefundState.REFUSED, "NOT_ENOUGH")
            if back is None:
                back = self._give_back(merchant, refund, lie)
            elif back.amount != int(refund.amount * 100):
                raise base.Refused("the same number, another amount")
            answer = self._of(back)
        self._answered("refund", lie)
        return answer

    def query_refund(self, merchant: str, refund) -> base.RefundAnswer:
        lie = self._called("query_refund", ("lost after", "unknown", "grumble"))
        with self.lock:
            self.look()
            back = self.backs.get(refund.refund_no)
            answer = self._of(back) if back else base.RefundAnswer(base.RefundState.UNKNOWN)
        self._answered("query_refund", lie)
        if lie == "grumble":
            raise base.ChannelDown("a word about the key, the limit or the moment")
        if lie == "unknown" and answer.state is base.RefundState.PENDING:
            return base.RefundAnswer(base.RefundState.UNKNOWN)
        return answer

    def notice(self, merchant: str, notice) -> base.Payment | base.Noted:
        said = json.loads(notice.body)
        if said["sign"] != GOOD or said["merchant"] != merchant:
            raise base.Forged("signature")
        if said["says"] != "paid":
            return base.Noted(said["order_no"], said["trade_no"], said["says"])
        return self._payment(replace(self.trades[said["order_no"]], paid=said["amount"]))

    def bill(self, merchant: str, day) -> bytes:
        lie = self._called("bill", ("lost before", "not ready", "none yet"))
        if lie == "not ready":
            raise base.ChannelDown("STATEMENT_CREATING")
        morning = datetime.combine(day + timedelta(days=1), time(10), bill_files.SHANGHAI)
        with self.lock:
            self.look()
            content = bill_files.write(self, merchant, day)
        if not content or (lie == "none yet" and self.now() < morning):
            raise base.NoBill("NO_STATEMENT_EXIST")
        return content

    # --- how it does it

    def _called(self, name: str, lies: tuple[str, ...]) -> str:
        if self.is_gone:
            raise base.ChannelDown("gone")
        self.meanwhile(f"before {name}")
        lie = self.says(f"{name}", lies)
        if lie == "lost before":
            raise base.ChannelDown(lie)
        return lie

    def _answered(self, name: str, lie: str) -> None:
        self.takes_time()
        self.meanwhile(f"after {name}")
        if lie == "lost after":
            raise base.ChannelDown(lie)

    def _state(self, trade: Trade | None) -> base.Answer:
        if trade is None:
            return base.Answer(base.State.UNKNOWN)
        if trade.state == "paid":
            return base.Answer(base.State.PAID, self._payment(trade))
        return base.Answer(base.State.PENDING if trade.state == "open" else base.State.CLOSED)

    def _of_merchant(self, merchant: str, order_no: str) -> Trade | None:
        """Another merchant's keys ask of his own orders alone."""
        trade = self.trades.get(order_no)
        return trade if trade and trade.merchant == merchant else None

    def _payment(self, trade: Trade) -> base.Payment:
        amount = Decimal(trade.paid).scaleb(-2)
        return base.Payment(
            self.pay_type,
            trade.order_no,
            trade.trade_no,
            amount,
            trade.paid_at,
            self._settled_on(trade.paid_at),
            trade.merchant,
        )

    def _settled_on(self, at: datetime | None):
        """UnionPay alone says in which day's bill it stands."""
        is_said = at is not None and self.pay_type is PayType.UNIONPAY
        return bill_files.day_of(self.pay_type, at) if is_said else None

    def _give_back(self, merchant: str, refund, lie: str) -> Back:
        """The rules: of a payment, with its total, all refunds within it, one number once."""
        trade, amount = self.by_trade(refund.trade_no), int(refund.amount * 100)
        if trade is None or trade.merchant != merchant:
            raise base.Refused("TRADE_NOT_EXIST")
        if int(refund.paid * 100) != trade.paid:
            raise base.Refused("PARAM_ERROR: total is not the payment's")
        given = [b for b in self.backs.values() if b.trade_no == refund.trade_no]
        if sum(b.amount for b in given if b.state != "failed") + amount > trade.paid:
            raise base.Refused("REFUND_AMT_NOT_EQUAL_TOTAL")
        back = Back(refund.refund_no, refund.trade_no, amount, "done", self.now())
        if lie in ENDS:
            self.ends_of[refund.refund_no] = lie
            back.turn("pending", self.now())
            back.turns = [(self.now() + timedelta(minutes=m), state) for m, state in ENDS[lie]]
        self.backs[back.refund_no] = back
        return back

    def _of(self, back: Back) -> base.RefundAnswer:
        states = {
            "done": base.RefundState.DONE,
            "pending": base.RefundState.PENDING,
            "failed": base.RefundState.FAILED,
            "abnormal": base.RefundState.PARKED,
        }
        settled_on = self._settled_on(back.done_at)
        return base.RefundAnswer(states[back.state], back.state, back.done_at, settled_on)

    def _grumble(self) -> Exception:
        """Not a word about this number: permissions, limits, a signature that did not verify."""
        return base.Refused("grumble")


@dataclass(frozen=True)
class Front:
    """The product's own interface to one channel, with one merchant's keys."""

    books: ChannelBooks
    merchant: str

    @property
    def pay_type(self) -> PayType:
        return self.books.pay_type

    @property
    def account(self) -> str:
        return self.merchant

    @property
    def takes_any_scene(self) -> bool:
        return self.pay_type is PayType.ALIPAY

    @property
    def line(self) -> str:
        return f"{self.pay_type.word} {self.merchant}"

    def asks_for(self, scene) -> bool:
        return True

    def ends_early(self, scene) -> bool:
        return scene == "h5"

    def create(self, order, wanted) -> dict:
        return self.books.create(self.merchant, order, wanted)

    def query(self, order) -> base.Answer:
        return self.books.query(self.merchant, order)

    def close(self, order) -> base.Answer:
        return self.books.close(self.merchant, order)

    def refund(self, refund) -> base.RefundAnswer:
        return self.books.refund(self.merchant, refund)

    def query_refund(self, refund) -> base.RefundAnswer:
        return self.books.query_refund(self.merchant, refund)

    def notice(self, notice, now) -> base.Payment | base.Noted:
        return self.books.notice(self.merchant, notice)

    def acknowledge(self, *, accepted) -> base.Acknowledgement:
        return base.Acknowledgement(b"success" if accepted else b"failure")

    def result(self, order, result) -> None:
        if result != GOOD:
            raise base.Forged("signature")

    def bill(self, day) -> bytes:
        return self.books.bill(self.merchant, day)
