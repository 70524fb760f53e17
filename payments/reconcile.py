"""Our orders and refunds against a channel's bill of one day (对账)."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db.models import QuerySet

from payments import bills, cases
from payments.bills import BillRow
from payments.channels import registry
from payments.models import Bill, Case, ChannelRefund, PaymentOrder
from payments.states import CaseKind, OrderStatus, PayType, RefundStatus
from redpacket_site.kit import retry
from redpacket_site.kit.money import ZERO
from wallets import accounts
from wallets.models import Kind, LedgerLine

CHUNK = 1000

BILL_KINDS = (
    CaseKind.BILL_SURPLUS,
    CaseKind.BILL_SHORTFALL,
    CaseKind.BILL_AMOUNT,
    CaseKind.BILL_REPEATED,
    CaseKind.BILL_OTHER_DAY,
)


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
class Reconciliation:
    """What comparing one bill came to."""

    matched: int
    differences: list[Difference]


def download(*, pay_type: PayType, day: date) -> bytes:
    """The bill as the channel gives it. Raises LookupError, ChannelDown, Refused."""
    return registry.channel(pay_type).bill(day)


def reconcile(
    *, pay_type: PayType, day: date, content: bytes, now: datetime, also: retry.Also | None = None
) -> Reconciliation:
    """Compare a day with its bill; each difference is a case.

    Money:   none moves; what is missing is confirmed or refunded by the verbs that do that.
    Repeats: a case is unique by channel, day and number: running again opens none twice.
    Raises:  bills.Unreadable.
    Spec:    2.7
    """
    rows = bills.read(pay_type, content, day)
    found = _payments(pay_type, day, rows), _refunds(pay_type, day, rows)
    differences = [difference for _, differences in found for difference in differences]
    result = Reconciliation(sum(matched for matched, _ in found), differences)
    _keep(pay_type=pay_type, day=day, rows=rows, result=result, now=now, also=also)
    return result


@retry.unit
def _keep(
    *, pay_type: PayType, day: date, rows: list[BillRow], result: Reconciliation, now: datetime
) -> Bill:
    for difference in result.differences:
        cases.open_case(
            kind=difference.kind,
            reference=f"{_prefix(pay_type, day)}{difference.reference}",
            pay_type=pay_type,
            order_no=difference.order_no,
            trade_no=difference.trade_no,
            amount=difference.amount,
            says=difference.says,
            now=now,
        )
    bill, _ = Bill.objects.update_or_create(
        pay_type=pay_type,
        day=day,
        defaults={
            "rows": len(rows),
            "matched": result.matched,
            "differences": len(result.differences),
            "total": sum((row.amount for row in rows if not row.refund_no), ZERO),
            "reconciled_at": now,
        },
    )
    return bill


def _prefix(pay_type: PayType, day: date) -> str:
    return f"{pay_type.word}:{day}:"


def cases_of(bill: Bill) -> QuerySet[Case]:
    """The cases that comparing this bill has opened, then or now."""
    begin = _prefix(PayType(bill.pay_type), bill.day)
    end = begin[:-1] + chr(ord(begin[-1]) + 1)  # a range of the index, which LIKE BINARY is not
    return Case.objects.filter(kind__in=BILL_KINDS, reference__gte=begin, reference__lt=end)


def _payments(pay_type: PayType, day: date, rows: list[BillRow]) -> tuple[int, list[Difference]]:
    rows = [row for row in rows if not row.refund_no]
    repeated = _repeated(rows, lambda row: row.trade_no)
    once = list({row.trade_no: row for row in rows}.values())
    known = _known_payments(pay_type, once)
    matched, differences = 0, [_says(CaseKind.BILL_REPEATED, row) for row in repeated]
    for row in once:
        ours = known.get(row.trade_no)
        kind, says = _compare(row, ours, day)
        if kind is None:
            matched += 1
        else:
            differences.append(_says(kind, row, says))
    billed = {row.trade_no for row in once}
    begin, end = _bounds(day)
    paid = PaymentOrder.objects.filter(
        pay_type=pay_type, status=OrderStatus.CONFIRMED, paid_at__gte=begin, paid_at__lt=end
    )
    for order in paid.order_by("pk"):
        if order.trade_no not in billed:
            differences.append(
                Difference(
                    CaseKind.BILL_SHORTFALL,
                    order.trade_no,
                    order.order_no,
                    order.trade_no,
                    order.amount,
                    f"paid {order.paid_at.astimezone(bills.ZONE):%F %T}, not in the bill",
                )
            )
    return matched, differences


def _refunds(pay_type: PayType, day: date, rows: list[BillRow]) -> tuple[int, list[Difference]]:
    rows = [row for row in rows if row.refund_no]
    repeated = _repeated(rows, lambda row: row.refund_no)
    once = list({row.refund_no: row for row in rows}.values())
    known = {
        refund.refund_no: (refund.amount, refund.done_at)
        for chunk in _chunks([row.refund_no for row in once])
        for refund in ChannelRefund.objects.filter(
            pay_type=pay_type, refund_no__in=chunk, status=RefundStatus.DONE
        )
    }
    matched, differences = 0, [_says(CaseKind.BILL_REPEATED, row) for row in repeated]
    for row in once:
        kind, says = _compare(row, known.get(row.refund_no), day)
        if kind is None:
            matched += 1
        else:
            differences.append(_says(kind, row, says))
    billed = {row.refund_no for row in once}
    begin, end = _bounds(day)
    done = ChannelRefund.objects.filter(
        pay_type=pay_type, status=RefundStatus.DONE, done_at__gte=begin, done_at__lt=end
    )
    for refund in done.order_by("pk"):
        if refund.refund_no not in billed:
            differences.append(
                Difference(
                    CaseKind.BILL_SHORTFALL,
                    refund.refund_no,
                    refund.order_no,
                    refund.trade_no,
                    refund.amount,
                    "refunded, not in the bill",
                )
            )
    return matched, differences


def _known_payments(
    pay_type: PayType, rows: list[BillRow]
) -> dict[str, tuple[Decimal, datetime | None]]:
    """What our books say of each trade number: confirmed orders, and money in suspense."""
    known: dict[str, tuple[Decimal, datetime | None]] = {}
    for chunk in _chunks([row.trade_no for row in rows]):
        references = [f"{pay_type.word}:{trade_no}" for trade_no in chunk]
        for line in LedgerLine.objects.filter(
            kind=Kind.SUSPENSE,
            reference__in=references,
            source=accounts.clearing(pay_type.word),
        ):
            known[line.reference.partition(":")[2]] = (line.amount, None)
        for order in PaymentOrder.objects.filter(
            pay_type=pay_type, trade_no__in=chunk, status=OrderStatus.CONFIRMED
        ):
            known[order.trade_no] = (order.amount, order.paid_at)
    return known


def _compare(
    row: BillRow, ours: tuple[Decimal, datetime | None] | None, day: date
) -> tuple[CaseKind | None, str]:
    begin, end = _bounds(day)
    if row.at and not begin <= row.at < end:
        return CaseKind.BILL_OTHER_DAY, f"of {row.at:%F %T}"
    if ours is None:
        return CaseKind.BILL_SURPLUS, "not in our books"
    if ours[0] != row.amount:
        return CaseKind.BILL_AMOUNT, f"our books say {ours[0]}"
    return None, ""


def _says(kind: CaseKind, row: BillRow, says: str = "stands in the bill more than once"):
    return Difference(
        kind,
        row.refund_no or row.trade_no,
        row.order_no,
        row.trade_no,
        row.amount,
        f"line {row.line}, {says}",
    )


def _repeated(rows: list[BillRow], number) -> list[BillRow]:
    """One row for each number that stands more than once."""
    counted = Counter(number(row) for row in rows)
    return [row for key, row in {number(row): row for row in rows}.items() if counted[key] > 1]


def _bounds(day: date) -> tuple[datetime, datetime]:
    begin = datetime(day.year, day.month, day.day, tzinfo=bills.ZONE)
    return begin, begin + timedelta(days=1)


def _chunks(keys: list[str]):
    return (keys[at : at + CHUNK] for at in range(0, len(keys), CHUNK))
