"""What the rows of a bill are to our books: the same, or a difference with a name."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from kit.money import ZERO
from kit.present import present
from kit.telling import source
from payments import bills, sayings, suspended
from payments.bills import BillRow
from payments.bills.rows import Back
from payments.models import Apart, ChannelRefund, PaymentOrder
from payments.states import IN_VAIN, NOT_SENT, CaseKind, OrderStatus, PayType, RefundStatus

NEIGHBOUR = timedelta(days=1)  # so far beyond its own day a row is still taken for one of ours
_FITTING = re.compile(r"[ -~]{0,64}")


@dataclass(frozen=True, slots=True)
class Difference:
    """One row that does not match; `reference` names it: the refund's or the trade's number."""

    kind: CaseKind
    reference: str
    order_no: str
    trade_no: str
    amount: Decimal
    says: str

    def __str__(self) -> str:
        return (
            f"{self.kind.value} {self.reference} order {self.order_no or '-'} {self.amount}"
            f": {self.says}"
        )


@dataclass(frozen=True, slots=True)
class Ours:
    """What our books say of one number."""

    amount: Decimal
    pk: int | None = None  # None: money in suspense, which no order of ours stands for
    billed_on: date | None = None
    status: int | None = None  # a refund's
    done_at: datetime | None = None
    is_booked: bool = False  # a refund made there, which stands for its row while it is not in vain


@dataclass
class Judged:
    """What a page of rows came to, which of ours it names, and what of it stands for none."""

    matched: int = 0
    differences: list[Difference] = field(default_factory=list)
    orders: list[int] = field(default_factory=list)
    refunds: list[int] = field(default_factory=list)
    apart: list[Apart] = field(default_factory=list)
    returned: list[int] = field(default_factory=list)  # refunds that it says were done


class Seen:
    """Which numbers a bill has named so far: eight bytes of each, not the numbers."""

    def __init__(self) -> None:
        self._once: set[int] = set()
        self._told: set[int] = set()

    def split(self, rows: Iterable[BillRow]) -> tuple[list[BillRow], Judged]:
        """The rows that come for the first time; of the others, which are nobody's a second time, a
        difference for each number."""
        fresh, again = [], Judged()
        for row in rows:
            key = hash((bool(row.refund_no), row.refund_no or row.trade_no))
            if row.odd or key not in self._once:
                fresh.append(row)
                self._once.update(() if row.odd else (key,))
                continue
            again.apart.append(apart(row))
            if key not in self._told:
                self._told.add(key)
                again.differences.append(_difference(CaseKind.BILL_REPEATED, row, sayings.TWICE))
        return fresh, again


def judge(pay_type: PayType, day: date, rows: list[BillRow]) -> Judged:
    """Compare rows that stand in the bill once with our books. Reads only."""
    judged = Judged()
    payments = [row for row in rows if not (row.odd or row.refund_no)]
    refunds = [row for row in rows if row.refund_no]
    known = _payments(pay_type, payments)
    sent = _refunds(pay_type, refunds)
    for row in rows:
        if row.odd:
            judged.differences.append(_odd(row))
            continue
        ours = sent.get(row.refund_no) if row.refund_no else known.get(row.trade_no)
        verdict = (_refund if row.refund_no else _payment)(pay_type, day, row, ours)
        if verdict is None:
            judged.matched += 1
        else:
            judged.differences.append(_difference(verdict[0], row, verdict[1]))
        counted = ZERO
        if ours and ours.pk and _is_named(pay_type, day, row, ours):
            (judged.refunds if row.refund_no else judged.orders).append(ours.pk)
            counted = ZERO if ours.is_booked else ours.amount
        if row.amount != counted:
            judged.apart.append(apart(row, counted))
        if ours and ours.pk and row.refund_no and row.back is Back.DONE:
            judged.returned.append(ours.pk)
    return judged


def _payments(pay_type: PayType, rows: list[BillRow]) -> dict[str, Ours]:
    """Confirmed orders by trade number, and money in suspense."""
    numbers = [row.trade_no for row in rows]
    apart = suspended.amounts(pay_type, numbers)
    known = {number: Ours(amount) for number, amount in apart.items()}
    orders = PaymentOrder.objects.filter(
        pay_type=pay_type, trade_no__in=numbers, status=OrderStatus.CONFIRMED
    )
    facts = orders.values_list("trade_no", "amount", "pk", "billed_on")
    for number, amount, key, billed_on in facts:
        known[number] = Ours(amount, key, billed_on)
    return known


def _refunds(pay_type: PayType, rows: list[BillRow]) -> dict[str, Ours]:
    """In any state: the bill may be faster than our next question."""
    numbers = [row.refund_no for row in rows]
    facts = ("amount", "pk", "billed_on", "status", "done_at")
    of_channel = ChannelRefund.objects.filter(pay_type=pay_type)
    booked = of_channel.filter(their_no__in=numbers).exclude(status__in=IN_VAIN)
    sent = of_channel.filter(refund_no__in=numbers, their_no="")
    known = {number: Ours(*values) for number, *values in sent.values_list("refund_no", *facts)}
    theirs = booked.values_list("their_no", *facts)
    booked_as = {number: replace(Ours(*values), is_booked=True) for number, *values in theirs}
    return booked_as | known


Verdict = tuple[CaseKind, str] | None


def _payment(pay_type: PayType, day: date, row: BillRow, ours: Ours | None) -> Verdict:
    begin, end = bills.bounds(pay_type, day)
    is_of_day = row.at is None or begin <= row.at < end
    if ours is None:
        if is_of_day:
            return CaseKind.BILL_SURPLUS, sayings.NOT_OURS
        says = sayings.OTHER_DAYS_NOT_OURS % {"at": f"{row.at:%F %T}"}
        return CaseKind.BILL_OTHER_DAY, says
    if ours.billed_on not in (None, day):
        kind = CaseKind.BILL_REPEATED if is_of_day else CaseKind.BILL_OTHER_DAY
        return kind, sayings.IN_BILL_OF % {"day": ours.billed_on}
    if ours.amount != row.amount:
        return CaseKind.BILL_AMOUNT, sayings.OUR_AMOUNT % {"amount": ours.amount}
    if row.at and not begin - NEIGHBOUR <= row.at < end + NEIGHBOUR:
        return CaseKind.BILL_OTHER_DAY, sayings.OTHER_DAYS % {"at": f"{row.at:%F %T}"}
    return None


def _refund(pay_type: PayType, day: date, row: BillRow, ours: Ours | None) -> Verdict:
    """Money that went out: what our books do not know of is missing."""
    is_back = row.back is not Back.FAILED
    if ours is None:
        return (CaseKind.BILL_SHORTFALL, sayings.REFUND_NOT_OURS) if is_back else None
    if is_back and ours.status in NOT_SENT:
        status = source(RefundStatus(ours.status).label)
        return CaseKind.BILL_SHORTFALL, sayings.REFUND_IS % {"status": status}
    if not is_back:
        is_done = ours.status == RefundStatus.DONE
        return (CaseKind.BILL_SHORTFALL, sayings.REFUND_FAILED_THERE) if is_done else None
    is_elsewhere = ours.billed_on not in (None, day)
    if is_elsewhere and not (row.back is Back.PROCESSING or _may_come_again(pay_type, row, ours)):
        return CaseKind.BILL_REPEATED, sayings.IN_BILL_OF % {"day": ours.billed_on}
    if ours.amount != row.amount:
        return CaseKind.BILL_AMOUNT, sayings.OUR_AMOUNT % {"amount": ours.amount}
    return None


def _is_named(pay_type: PayType, day: date, row: BillRow, ours: Ours) -> bool:
    """Whether this bill is the one that ours stands in, from now on."""
    return ours.billed_on in (None, day) or _may_come_again(pay_type, row, ours)


def _may_come_again(pay_type: PayType, row: BillRow, ours: Ours) -> bool:
    """Named before it was done, a refund may be named again when it is."""
    if not row.refund_no or row.back is not Back.DONE:
        return False
    return ours.done_at is None or bills.day_of(pay_type, ours.done_at) > present(ours.billed_on)


def apart(row: BillRow, ours: Decimal = ZERO) -> Apart:
    """What this row says beyond what of ours it names."""
    return Apart(
        number=fitting(row.refund_no or row.trade_no),
        order_no=fitting(row.order_no),
        is_refund=bool(row.refund_no),
        amount=row.amount,
        ours=ours,
    )


def _difference(kind: CaseKind, row: BillRow, says: str) -> Difference:
    strange = [number for number in (row.order_no, row.refund_no) if fitting(number) != number]
    whole = "".join(f", {number}" for number in strange)
    number = fitting(row.refund_no or row.trade_no)
    return Difference(
        kind,
        f"{number}:refund" if row.refund_no and row.refund_no == row.trade_no else number,
        fitting(row.order_no),
        fitting(row.trade_no),
        row.amount,
        f"{row.where}, {says}{whole}",
    )


def _odd(row: BillRow) -> Difference:
    place = f"row {digest(row.where)}"  # a file's name is any text
    says = f"{row.where}, {row.odd}"
    return Difference(CaseKind.BILL_ODD, place, "", "", row.amount, says)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="backslashreplace")).hexdigest()[:8]


def fitting(number: str) -> str:
    """A stranger's number as our columns hold it: itself, or escaped and cut, and still unique.

    >>> fitting("hb01"), fitting("订单1")
    ('hb01', '\\\\u8ba2\\\\u53551~13be7e62')
    """
    if _FITTING.fullmatch(number):
        return number
    return f"{number.encode('unicode_escape').decode()[:55]}~{digest(number)}"
