"""Our orders and refunds against a channel's bill of one day (对账)."""
# Long: one verb, a bill against our books, from its rows to its cases.

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import chain

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from kit import lease, pause, retry
from kit.money import ZERO
from kit.moves import hold, move
from kit.pieces import pieces
from kit.present import present
from kit.refusals import Conflict
from payments import apart, bills, cases, hear_refund, merchants, sayings, sides
from payments.bills import BillRow, Statement, WrongTotal
from payments.channels.base import NoBill, Refused
from payments.judge import Difference, Judged, Seen, digest, fitting, judge
from payments.models import Bill, Case, ChannelRefund, PaymentOrder
from payments.states import BillState, CaseKind, PayType

PAGE = 1000
KEPT = 1000  # so many differences are told; each of them is a case
LEASE_S = 1800  # longer than the task may take that compares (tasks.py)
EDGE = timedelta(minutes=10)  # payments so near to a day's end may stand in the neighbour's bill
DAY = timedelta(days=1)
DONE = (BillState.COMPARED, BillState.EMPTY)

# A case of such a kind says that a bill named the payment, whatever our books thought of it then.
NAMED = (
    CaseKind.BILL_SURPLUS,
    CaseKind.BILL_OTHER_DAY,
    CaseKind.BILL_AMOUNT,
    CaseKind.BILL_REPEATED,
)
BILL_KINDS = (*NAMED, CaseKind.BILL_SHORTFALL, CaseKind.BILL_ODD, CaseKind.BILL_TOTAL)


class BeingCompared(Conflict):
    code, detail = "being_compared", _("Somebody is comparing this day just now.")


@dataclass
class Reconciliation:
    """What comparing one bill came to. Of the differences the first are told, all are counted."""

    rows: int = 0
    matched: int = 0
    count: int = 0
    total: Decimal = ZERO
    refunded: Decimal = ZERO
    differences: list[Difference] = field(default_factory=list)
    closing: list[Difference] = field(default_factory=list)  # what is known at the end alone

    def tell(self, differences: Iterable[Difference]) -> None:
        for difference in differences:
            self.count += 1
            if len(self.differences) < KEPT:
                self.differences.append(difference)

    def add(self, page: list[BillRow]) -> None:
        self.rows += len(page)
        self.total += sum((row.amount for row in page if not row.refund_no), ZERO)
        self.refunded += sum((row.amount for row in page if row.refund_no), ZERO)


def download(*, pay_type: PayType, day: date) -> list[bytes]:
    """The bills as the channel gives them: that of the merchant in force, and of each one of before
    who has to do with that day. Raises LookupError, ChannelDown, NoBill when none has any, Refused.
    """
    found, none = [], None
    for billed in merchants.billed(pay_type, day):
        try:
            found.append(billed.channel.bill(day))
        except NoBill as error:
            none = none or error
        except Refused:  # as of an account that was closed
            if billed.is_sure:
                raise
    if none and not found:
        raise none
    return found


def reconcile(
    *,
    pay_type: PayType,
    day: date,
    content: bytes | list[bytes] | None,
    now: datetime,
    also: retry.Also | None = None,
) -> Reconciliation:
    """Compare a day with its bill; each difference is a case. No content: the channel says that
    there were no transactions, and what our books say of that day is missing there.

    Money:   none moves; what is missing is confirmed or refunded by the verbs that do that.
    Races:   a lease (kit/lease.py) on the day's row: one at a time compares it, and forgets what it
             named and writes each page as the holder or not at all.
    Repeats: a case is unique by channel, day and number: running again opens none twice. Which of
             ours the last bill named is forgotten first.
    Raises:  bills.Unreadable, BeingCompared (409).
    Spec:    2.7
    """
    statement = None if content is None else Statement(pay_type, content, day)
    pages = pieces(statement or (), PAGE)
    first = next(pages, [])  # what is no bill at all ends here, before anything is written
    bill, _ = Bill.objects.get_or_create(pay_type=pay_type, day=day)
    # Due until it is closed: of a day whose comparing was killed half-way nothing can be said.
    held = lease.take(Bill.objects.all(), bill.pk, now=now, for_s=LEASE_S, due_at=now)
    if held is None:
        raise BeingCompared()
    try:
        pause.here("reconcile: is about to forget")
        begin(bill, held)
        seen, result = Seen(), Reconciliation()
        for page in chain([first], pages):
            fresh, repeated = seen.split(page)
            pause.here("reconcile: is about to judge a page")
            judged = _page(bill=bill, held=held, rows=fresh, repeated=repeated, now=now)
            result.add(page)
            result.matched += judged.matched
            result.tell(judged.differences)
        pause.here("reconcile: is about to close")
        _close(bill=bill, held=held, statement=statement, result=result, now=now, also=also)
        result.tell(result.closing)
    finally:
        held.end()
    return result


@retry.unit
def begin(bill: Bill, held: lease.Lease) -> None:
    _as_holder(bill, held)
    apart.forget(bill)


def _as_holder(bill: Bill, held: lease.Lease) -> None:
    """Until the transaction ends nobody else takes this day; refused to whom it was taken from."""
    hold(Bill, bill.pk)
    if not held.rows.exists():
        raise BeingCompared()


@retry.unit
def _page(
    *,
    bill: Bill,
    held: lease.Lease,
    rows: list[BillRow],
    repeated: Judged,
    now: datetime,
) -> Judged:
    _as_holder(bill, held)
    judged = judge(PayType(bill.pay_type), bill.day, rows)
    judged.differences += repeated.differences
    pause.here("reconcile: is about to mark")
    apart.mark(bill, orders=judged.orders, refunds=judged.refunds)
    apart.keep(bill, judged.apart + repeated.apart)
    hear_refund.ask_again(judged.returned, now)
    _open(bill, judged.differences, now)
    return judged


@retry.unit
def _close(
    *,
    bill: Bill,
    held: lease.Lease,
    statement: Statement | None,
    result: Reconciliation,
    now: datetime,
    also: retry.Also | None = None,
) -> Bill:
    """Say what it came to, and look which of ours no bill names: of this day, and of the days
    beside it, whose stragglers this bill could have named."""
    around = _around(bill)
    totals = list(_totals(statement.wrong_totals)) if statement else []
    _open(bill, totals, now)
    usual = bills.usual(bill.day)
    facts = {
        "rows": result.rows,
        "matched": result.matched,
        "differences": result.count + len(totals),
        "missing": 0,
        "total": result.total,
        "refunded": result.refunded,
        "reconciled_at": now,
        "apart_at": now,
        "says": "",
        # Compared before the bill is usually there it may have been a part: once more, then.
        "due_at": usual if now < usual else None,
        "leased_until": None,
    }
    state = BillState.EMPTY if statement is None else BillState.COMPARED
    if not move(held.rows, to=state, lease=None, **facts):
        raise BeingCompared()
    for name, value in {"state": state, **facts}.items():
        setattr(around[bill.day], name, value)
    missing = {day: _look(around, day, now) for day in (bill.day + DAY, bill.day, bill.day - DAY)}
    result.closing = [*totals, *missing[bill.day]]
    return around[bill.day]


def _around(bill: Bill) -> dict[date, Bill]:
    """The bills of the days around, the nearest ones locked by key: of two neighbours that close
    at once the second one sees the first. Newest first, so that nobody waits in a circle."""
    near = Bill.objects.filter(
        pay_type=bill.pay_type, day__gte=bill.day - 2 * DAY, day__lte=bill.day + 2 * DAY
    )
    for other in near.order_by("-day"):
        if abs(other.day - bill.day) <= DAY:
            hold(Bill, other.pk)
    return {other.day: other for other in near.all()}


def _look(around: dict[date, Bill], day: date, now: datetime) -> list[Difference]:
    """Make cases of what no bill names of this day, once that can be said."""
    pause.here("reconcile: looks for what is missing")
    bill, following = around.get(day), around.get(day + DAY)
    beside = filter(None, (around.get(day - DAY), bill, following))
    if bill is None or bill.state not in DONE or any(is_begun(other, now) for other in beside):
        return []  # whoever compares that day looks when he closes
    is_final = following is not None and following.state in DONE
    found = list(_missing(bill, is_final=is_final))
    _open(bill, found, now)
    if len(found) != bill.missing:
        differences = bill.differences - bill.missing + len(found)
        as_read = Bill.objects.filter(pk=bill.pk, missing=bill.missing)
        move(as_read, differences=differences, missing=len(found))
        bill.differences, bill.missing = differences, len(found)
    return found


def is_begun(bill: Bill, now: datetime) -> bool:
    """Being compared (again), or due to be: what it names is not all marked."""
    is_leased = bill.leased_until is not None and bill.leased_until > now
    return is_leased or (bill.state in DONE and bill.due_at is not None)


def _missing(bill: Bill, *, is_final: bool) -> Iterator[Difference]:
    """What our books say of this day and no bill names. Before the next day's bill that is certain
    only of payments well within the day: the channel's clock and its bill may part at midnight,
    and a refund stands in the bill of the day on which it was asked for or of that when done."""
    orders, refunds = sides.unnamed_rows(bill)
    if not is_final:
        begin, end = bills.bounds(PayType(bill.pay_type), bill.day)
        within = Q(paid_at__gte=begin + EDGE, paid_at__lt=end - EDGE)
        orders, refunds = orders.filter(Q(settle_date=bill.day) | within), refunds.none()
    for order in orders.order_by("pk"):
        if not _was_named(order):
            says = sayings.PAID_IN_NO_BILL % {"at": _at(order.paid_at)}
            yield _ours(order, order.trade_no, says)
    for refund in refunds.order_by("pk"):
        says = sayings.REFUNDED_IN_NO_BILL % {"at": _at(refund.done_at)}
        yield _ours(refund, refund.refund_no, says)


def _at(moment: datetime | None) -> str:
    return f"{present(moment).astimezone(bills.ZONE):%F %T}"


def _was_named(order: PaymentOrder) -> bool:
    """Whether a bill named it before we knew of it: then that is the case that finance has. Of any
    day: what is booked by the bill's word, or by an answer without a time, says only when it was
    booked."""
    number = fitting(order.trade_no)
    about = Case.objects.filter(pay_type=order.pay_type, trade_no=number, kind__in=NAMED)
    return about.filter(reference__endswith=f":{number}").exists()  # and not a refund of it


def _ours(row: PaymentOrder | ChannelRefund, number: str, says: str) -> Difference:
    return Difference(CaseKind.BILL_SHORTFALL, number, row.order_no, row.trade_no, row.amount, says)


def _totals(wrong: Iterable[WrongTotal]) -> Iterator[Difference]:
    """Several may stand in one line: the count of the rows, and what they come to."""
    lines = Counter[str]()
    for total in wrong:
        lines[total.where] += 1
        nth = f" {lines[total.where]}" if lines[total.where] > 1 else ""
        says = ", ".join(filter(None, (total.where, total.says)))
        place = f"total {digest(total.where)}{nth}"
        yield Difference(CaseKind.BILL_TOTAL, place, "", "", ZERO, says)


def _open(bill: Bill, differences: Iterable[Difference], now: datetime) -> None:
    pay_type = PayType(bill.pay_type)
    for difference in differences:
        cases.open_case(
            kind=difference.kind,
            reference=f"{_prefix(pay_type, bill.day)}{difference.reference}",
            pay_type=pay_type,
            order_no=difference.order_no,
            trade_no=difference.trade_no,
            amount=difference.amount,
            says=difference.says,
            now=now,
        )


def _prefix(pay_type: PayType, day: date) -> str:
    return f"{pay_type.word}:{day}:"


def cases_of(bill: Bill) -> QuerySet[Case]:
    """The cases that comparing this bill has opened, then or now."""
    begin = _prefix(PayType(bill.pay_type), bill.day)
    end = begin[:-1] + chr(ord(begin[-1]) + 1)  # a range of the index, which LIKE BINARY is not
    return Case.objects.filter(kind__in=BILL_KINDS, reference__gte=begin, reference__lt=end)
