"""What the product asks of a channel, and in which words the answers come.

A channel never touches the database and never runs inside a transaction. Everything that it returns
as `Payment` has been verified: signature, our own identity, currency.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol

from django.utils.translation import gettext_lazy as _

from kit.refusals import Unavailable
from payments.models import ChannelRefund, PaymentOrder
from payments.states import PayType, Scene

WAIT_S = 3  # until somebody who was refused may come again


class Forged(Exception):
    """The signature, or whom the message names, does not hold. Says why, for the log alone."""


class ChannelDown(Exception):
    """The channel did not answer, or not in its own protocol: try again later, same number."""


class NotSent(ChannelDown, Unavailable):
    """We did not even ask: the channel is left alone for a while, or enough requests wait for it.
    Nothing follows from it, about any number; a person hears of it as 503."""

    def __init__(self, line: str) -> None:
        Unavailable.__init__(
            self,
            _("This way to pay does not answer at the moment; please try again in a few seconds."),
            wait_s=WAIT_S,
        )
        self.line = line

    def __str__(self) -> str:
        return f"not sent, {self.line} is left alone or full"


class Refused(Exception):
    """The channel understood and said no, for good; its code and words."""


class NoBill(Refused):
    """The channel says that there were no transactions on that day, as far as it knows by now."""


class Reused(Refused):
    """The channel has seen this number before, with something else beside it: only another number
    will do."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A notification as it came: the raw bytes, and headers with lower-case names."""

    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Payment:
    """The channel's verified word that money has arrived."""

    pay_type: PayType
    order_no: str
    trade_no: str
    amount: Decimal  # yuan
    paid_at: datetime | None = None
    settle_date: date | None = None  # where the channel's bill goes by a day of its own
    merchant: str = ""  # whose money it is now: by whose keys it was said
    begun_at: datetime | None = None  # where a channel names an order by its time, too

    def is_of(self, order: PaymentOrder) -> bool:
        """Whether it pays this order, and not one of the same number elsewhere: at a merchant of
        before, or at another time. An order of an old release names no merchant."""
        return (not order.merchant or self.merchant in ("", order.merchant)) and (
            self.begun_at in (None, order.add_time.replace(microsecond=0))
        )


@dataclass(frozen=True, slots=True)
class Noted:
    """A genuine message that tells of no payment: waiting, closed, refunded."""

    order_no: str
    trade_no: str
    says: str


class State(StrEnum):
    """What an order is at its channel."""

    PAID = "paid"
    PENDING = "pending"  # may still be paid
    CLOSED = "closed"  # never will be: closed, revoked, timed out for good
    REFUNDED = "refunded"  # was paid, and given back since, whole or in part: nobody can pay it
    UNKNOWN = "unknown"  # the channel knows no such order: it may still be made there


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query or a close came to; `payment` when paid, `was_paid` when that was given back."""

    state: State
    payment: Payment | None = None
    says: str = ""
    was_paid: Payment | None = None


class RefundState(StrEnum):
    """What a refund is at its channel. DONE, FAILED and PARKED are the channel's word about this
    very refund number; whatever else it may say is none."""

    DONE = "done"
    PENDING = "pending"  # accepted, under way
    FAILED = "failed"  # closed there for good: nothing was paid back, nothing will be
    PARKED = "parked"  # taken from us, and its payer cannot be reached: a person says where it goes
    REFUSED = "refused"  # not accepted, by a code that can mean nothing but this very refund
    UNKNOWN = "unknown"  # never heard of, or the channel cannot say


@dataclass(frozen=True, slots=True)
class RefundAnswer:
    state: RefundState
    says: str = ""
    at: datetime | None = None  # when it was done, by the channel's clock
    settle_date: date | None = None


@dataclass(frozen=True, slots=True)
class Returned(Noted):
    """A genuine message about one refund: what became of that number. Its `trade_no` is that of the
    payment that goes back."""

    refund_no: str
    answer: RefundAnswer
    amount: Decimal | None = None  # None: it names the sum of all the payment's refunds alone


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What the channel wants to hear after a notification."""

    body: bytes
    status: int = 200
    content_type: str = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an order needs to be made at a channel, beside itself."""

    scene: str  # app | h5 | native
    subject: str
    notify_url: str
    return_url: str
    payer_ip: str
    extra: Mapping[str, str] = field(default_factory=dict)


class Channel(Protocol):
    """One channel, with its settings. All calls have deadlines and raise ChannelDown; repeats carry
    the same number, so the channel does it once."""

    pay_type: PayType
    settings: Any
    # Whether one order number may be paid in another scene than it was made for.
    takes_any_scene: bool
    WORDS: tuple[str, ...]  # under which an answer says what was wrong

    @property
    def merchant(self) -> str:
        """Who we are there, as orders keep it: an order is only ever asked about with the keys of
        the merchant that it was made with."""
        return self.settings.merchant_id

    @property
    def account(self) -> str:
        """Whose money it is there, and so whose bill: several apps may share one."""
        return self.settings.account

    @property
    def line(self) -> str:
        """By which way it is called (http.py): the same for all but bills."""
        return f"{self.pay_type.word} {self.settings.gateway}"

    def says(self, answer: Mapping[str, Any]) -> str:
        """The channel's own words about what it answers."""
        return " ".join(str(answer[name])[:100] for name in self.WORDS if answer.get(name))

    def asks_for(self, scene: Scene) -> bool:
        """Whether `create` calls the channel, or makes everything by itself."""

    def create(self, order: PaymentOrder, wanted: Wanted) -> dict:
        """Make the order there; what the app's SDK needs (api.md, `pay_params`). Made before with
        the same words, it is given again. Raises Refused, Reused."""

    def ends_early(self, scene: Scene) -> bool:
        """Whether what `create` gave can no longer be used while the order still can be paid."""
        return False

    def notice(self, notice: Notice, now: datetime) -> Payment | Noted:
        """Verify a notification: signature over the raw bytes first. Returned when it is about a
        refund by its number. Raises Forged."""

    def acknowledge(self, *, accepted: bool) -> Acknowledgement:
        """Accepted: it need not come again. Otherwise the channel knocks again later."""

    def result(self, order: PaymentOrder, result: str) -> None:
        """Verify the synchronous result that the app passed on, where the channel signs it. It
        never confirms anything. Raises Forged."""

    def query(self, order: PaymentOrder) -> Answer:
        """Ask what became of the order."""

    def close(self, order: PaymentOrder) -> Answer:
        """Close it there, so that nobody can pay it any more: CLOSED only when the channel says so
        for good, PAID when it came too late, PENDING when it cannot be said yet."""

    def refund(self, refund: ChannelRefund) -> RefundAnswer:
        """Send the refund, or send it again under the same number; never twice in one call, so that
        no "no" can follow upon a "yes" that was lost. Raises ChannelDown for silence, and for every
        answer that speaks of the request, the key, the merchant or the moment instead of this
        refund: REFUSED is for the few codes that cannot."""

    def query_refund(self, refund: ChannelRefund) -> RefundAnswer:
        """Ask what became of it."""

    def bill(self, day: date) -> bytes:
        """The day's bill file as the channel gives it (zipped or plain). Raises NoBill when there
        were no transactions, ChannelDown when it is not ready yet, Refused."""


def text(answer: dict[str, Any], name: str) -> str:
    """What an answer must have."""
    value = answer.get(name)
    if not isinstance(value, str) or not value:
        raise ChannelDown(f"the answer has no {name}")
    return value


def refuse_another(order: PaymentOrder, order_no: Any, amount: Decimal) -> None:
    """What an app hands over must be the result of this order. Raises Forged."""
    if order_no != order.order_no:
        raise Forged("the result is another order's")
    if amount != order.amount:
        raise Forged("the result names another amount")
