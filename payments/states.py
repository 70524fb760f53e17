"""How something can be paid, and the states of a payment. No ORM, no queries (docs/states.md)."""

from enum import StrEnum

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from kit.words import Worded


class PayType(Worded):
    UNKNOWN = 0, _("unknown")
    ALIPAY = 1, _("Alipay")
    WECHAT = 2, _("WeChat Pay")
    UNIONPAY = 3, _("UnionPay")
    BALANCE = 4, _("wallet balance")


CHANNELS = (PayType.ALIPAY, PayType.WECHAT, PayType.UNIONPAY)
PAY_TYPE_OF = {pay_type.word: pay_type for pay_type in PayType}


class Scene(models.TextChoices):
    """Where the payer pays; it decides what `pay_params` hold."""

    APP = "app", _("app")
    H5 = "h5", _("mobile page")
    NATIVE = "native", _("QR code")


class OrderStatus(Worded):
    CREATED = 0, _("created")
    REPORTED = 1, _("reported")  # the app says paid, the channel has not confirmed yet
    CONFIRMED = 2, _("confirmed")  # the right amount has arrived
    CLOSED = 3, _("closed")  # not paid in time, or superseded
    UNPAID = 4, _("unpaid")  # reported, and the channel says finally not paid
    FAILED = 5, _("failed")  # the channel would not take the order


# from -> to. Confirmed from any of them: the channel's word beats ours.
ORDER_MOVES = {
    OrderStatus.CREATED: {
        OrderStatus.REPORTED,
        OrderStatus.CONFIRMED,
        OrderStatus.CLOSED,
        OrderStatus.FAILED,
    },
    OrderStatus.REPORTED: {OrderStatus.CONFIRMED, OrderStatus.UNPAID},
    OrderStatus.CLOSED: {OrderStatus.CONFIRMED},
    OrderStatus.UNPAID: {OrderStatus.CONFIRMED},
    OrderStatus.FAILED: {OrderStatus.CONFIRMED},
    OrderStatus.CONFIRMED: set(),
}
PAYABLE = (OrderStatus.CREATED, OrderStatus.REPORTED)


class RefundStatus(models.IntegerChoices):
    """A channel refund (原路退款) under four eyes."""

    PROPOSED = 0, _("proposed")
    APPROVED = 1, _("approved")
    SENT = 2, _("sent to the channel")
    DONE = 3, _("done")
    FAILED = 4, _("failed")
    REJECTED = 5, _("rejected")
    PARKED = 6, _("waiting at the channel")  # taken from us, its payer cannot be reached
    WITHDRAWN = 7, _("withdrawn")  # by its maker, before anybody decided; or its case was resolved


# from -> to. Sent: the channel may have heard of it, and whether it has done it is not known yet.
# Done from proposed: made at the channel itself, and booked from its bill (book_refund.py).
# Done from failed: the channel paid back after all, and its word beats ours (end_refund.py).
REFUND_MOVES = {
    RefundStatus.PROPOSED: {
        RefundStatus.APPROVED,
        RefundStatus.DONE,
        RefundStatus.REJECTED,
        RefundStatus.WITHDRAWN,
    },
    RefundStatus.APPROVED: {RefundStatus.SENT},
    RefundStatus.SENT: {RefundStatus.DONE, RefundStatus.FAILED, RefundStatus.PARKED},
    RefundStatus.PARKED: {RefundStatus.DONE, RefundStatus.FAILED},
    RefundStatus.DONE: set(),
    RefundStatus.FAILED: {RefundStatus.DONE},
    RefundStatus.REJECTED: set(),
    RefundStatus.WITHDRAWN: set(),
}
# Nobody has decided about these: they have no checker.
UNDECIDED = (RefundStatus.PROPOSED, RefundStatus.WITHDRAWN)
# These leave their payment alone: it can be refunded as if they had never been.
IN_VAIN = (RefundStatus.FAILED, RefundStatus.REJECTED, RefundStatus.WITHDRAWN)
# By our books no money went out for these.
NOT_SENT = {*UNDECIDED, *IN_VAIN}
# Not over: its channel is still to be told, or to say what became of it.
UNDER_WAY = tuple(status for status in RefundStatus if status not in (*IN_VAIN, RefundStatus.DONE))


class CaseKind(models.TextChoices):
    """Why no rule could decide (差错单)."""

    UNKNOWN_ORDER = "unknown_order", _("paid, but the order is unknown")
    WRONG_AMOUNT = "wrong_amount", _("another amount than the order's was paid")
    SECOND_PAYMENT = "second_payment", _("paid a second time")
    LATE_PAYMENT = "late_payment", _("paid after it was closed or voided")
    CONTRADICTED = "contradicted", _("the channel says two things of one payment")
    GIVEN_BACK = "given_back", _("given back at the channel, and not by us")
    REFUND_FAILED = "refund_failed", _("the channel refused a refund")
    AWAITING_LONG = "awaiting_long", _("reported a day ago, and neither paid nor unpaid")
    TAKEN_BACK = "taken_back", _("taken back from a wallet")
    REFUND_STUCK = "refund_stuck", _("nobody knows what became of a refund")
    REFUND_PARKED = "refund_parked", _("a refund cannot reach its payer")
    REFUND_LATE = "refund_late", _("a refund that had failed was paid after all")
    BILL_SURPLUS = "bill_surplus", _("the channel has more than our books say (surplus)")
    # Ours is not in the bill, or a refund stands in it that our books do not know.
    BILL_SHORTFALL = "bill_shortfall", _("the channel has less than our books say (shortfall)")
    BILL_AMOUNT = "bill_amount", _("the bill names another amount")
    BILL_REPEATED = "bill_repeated", _("the bill names it twice")
    BILL_OTHER_DAY = "bill_other_day", _("the bill names another day's payment")
    BILL_ODD = "bill_odd", _("a row of the bill cannot be read")
    BILL_TOTAL = "bill_total", _("the bill's own total does not fit its rows")
    BILL_MISSING = "bill_missing", _("a day's bill has never come")


# Closed as soon as somebody knows what became of the refund (end_refund.py), and by nobody else.
WAIT_FOR_WORD = (CaseKind.REFUND_STUCK, CaseKind.REFUND_PARKED)

# A payment that its channel tells of, and that nobody wants.
ARRIVED = (
    CaseKind.UNKNOWN_ORDER,
    CaseKind.WRONG_AMOUNT,
    CaseKind.SECOND_PAYMENT,
    CaseKind.LATE_PAYMENT,
)

# Their reference is that of the line that brought the money to suspense.
WITH_MONEY = (*ARRIVED, CaseKind.REFUND_FAILED)


class CaseStatus(models.IntegerChoices):
    OPEN = 0, pgettext_lazy("case", "open")
    RESOLVED = 1, _("resolved")


# Open again: money came back to it.
CASE_MOVES = {CaseStatus.OPEN: {CaseStatus.RESOLVED}, CaseStatus.RESOLVED: {CaseStatus.OPEN}}


class BillState(Worded):
    """Whether a channel's bill of a day has come, and was compared."""

    WAITING = 0, _("not there yet")
    COMPARED = 1, _("compared")
    EMPTY = 2, _("no transactions, compared")
    FAILED = 3, _("given up: never came")


_COMPARED = {BillState.COMPARED, BillState.EMPTY}  # by hand a day may be compared again
BILL_MOVES = {
    BillState.WAITING: {*_COMPARED, BillState.FAILED},
    BillState.FAILED: _COMPARED,
    BillState.COMPARED: _COMPARED,
    BillState.EMPTY: _COMPARED,
}


class NoticeOutcome(StrEnum):
    """What became of one notification."""

    STORED = "stored"  # kept, not looked at yet
    FORGED = "forged"  # the signature or an identity does not hold: changed nothing
    CONFIRMED = "confirmed"
    DUPLICATE = "duplicate"  # said before: acknowledged without effect
    SUSPENSE = "suspense"  # genuine, but fits nothing: the money waits for finance
    DOUBTED = "doubted"  # genuine, and not what our books say: the channel will knock again
    CONTRADICTED = "contradicted"  # genuine, and the channel or our books say otherwise: a case
    NOTED = "noted"  # genuine, but says nothing of a payment (closed, waiting, refund)
    ERROR = "error"  # we failed; the channel will knock again
