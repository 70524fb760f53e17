"""The payments' rules of money: every confirmed order landed once, nothing waits without a case."""
# Long: every rule of payments, so that they are read against each other.

from collections.abc import Iterable, Iterator
from datetime import timedelta
from decimal import Decimal
from itertools import chain

from kit import clock
from kit.money import ZERO
from payments import bill_audit, cases, end_refund, send_refund, suspended
from payments.models import Case, ChannelRefund, PaymentOrder, Trade
from payments.states import (
    IN_VAIN,
    UNDECIDED,
    UNDER_WAY,
    WAIT_FOR_WORD,
    CaseKind,
    CaseStatus,
    OrderStatus,
    PayType,
    RefundStatus,
)
from wallets import accounts, reach
from wallets.audit import Finding, by_key, held_in
from wallets.models import Adjustment, LedgerLine
from wallets.reach import Line
from wallets.states import LineKind

LATE, BACK = end_refund.late_reference(""), cases.back_reference("")
SEEN_WITHIN = timedelta(days=1)  # a sweep that asks once an hour has long been there


def confirmed_orders_are_in_the_ledger() -> Iterator[Finding]:
    """A confirmed order is its amount out of its channel's clearing: by one line to its owner, or
    to suspense; never both."""
    for orders in _confirmed():
        own = _lines((LineKind.CHANNEL_PAY, LineKind.TOPUP), [order.order_no for order in orders])
        apart = _suspended((order.pay_type, order.trade_no) for order in orders)
        for order in orders:
            lines = own.get(order.order_no, [])
            in_suspense = apart.get((order.pay_type, order.trade_no))
            clearing = accounts.clearing(PayType(order.pay_type).word)
            sums = [line.amount for line in lines] + ([in_suspense] if in_suspense else [])
            if sums != [order.amount] or any(line.source != clearing for line in lines):
                yield Finding(
                    "confirmed_orders_are_in_the_ledger",
                    f"order {order.order_no}",
                    f"{len(sums)} lines of {[str(amount) for amount in sums]},"
                    f" order {order.amount}",
                )


def _confirmed() -> Iterator[list]:
    """What the audit reads of them: all, or those confirmed since."""
    confirmed = PaymentOrder.objects.filter(status=OrderStatus.CONFIRMED)
    facts = ("pk", "order_no", "pay_type", "trade_no", "amount", "confirmed_at")
    rows, since = confirmed.values_list(*facts, named=True), reach.moment()
    return reach.by_time(rows, "confirmed_at", since) if since else by_key(rows)


def payments_are_booked_once() -> Iterator[Finding]:
    """What stands in our books for one trade number of a channel, with its owners and in suspense
    together, is what the channel took under it: no more, and no less."""
    for trades in _trades():
        numbers = {trade.trade_no for trade in trades}
        apart = _suspended((trade.pay_type, trade.trade_no) for trade in trades)
        confirmed = PaymentOrder.objects.filter(trade_no__in=numbers, status=OrderStatus.CONFIRMED)
        owned: dict[tuple[int, str], list[str]] = {}
        for pay_type, number, order_no in confirmed.values_list("pay_type", "trade_no", "order_no"):
            owned.setdefault((pay_type, number), []).append(order_no)
        order_nos = [order_no for numbers in owned.values() for order_no in numbers]
        own = _lines((LineKind.CHANNEL_PAY, LineKind.TOPUP), order_nos)
        for trade in trades:
            key = trade.pay_type, trade.trade_no
            lines = [line for number in owned.get(key, ()) for line in own.get(number, ())]
            booked = sum((line.amount for line in lines), apart.get(key, ZERO))
            if booked != trade.paid:
                yield Finding(
                    "payments_are_booked_once",
                    f"payment {PayType(trade.pay_type).word} {trade.trade_no}",
                    f"{booked} booked, the channel took {trade.paid}",
                )


def _trades() -> Iterator[list[Trade]]:
    """All; or those of the payments confirmed since."""
    if reach.since() is None:
        yield from by_key(Trade.objects.all())
        return
    for orders in _confirmed():
        yield _trades_of((order.pay_type, order.trade_no) for order in orders)


def _trades_of(payments: Iterable[tuple[int, str]]) -> list[Trade]:
    """By channel and number, as their index has them."""
    found: list[Trade] = []
    for pay_type, numbers in _by_channel(payments).items():
        found += Trade.objects.filter(pay_type=pay_type, trade_no__in=numbers).order_by("pk")
    return found


def _by_channel(payments: Iterable[tuple[int, str]]) -> dict[int, set[str]]:
    numbers: dict[int, set[str]] = {}
    for pay_type, trade_no in payments:
        numbers.setdefault(pay_type, set()).add(trade_no)
    return numbers


def _suspended(payments: Iterable[tuple[int, str]]) -> dict[tuple[int, str], Decimal]:
    """What stands in suspense for each of these (channel, trade number)."""
    return {
        (pay_type, trade_no): amount
        for pay_type, wanted in _by_channel(payments).items()
        for trade_no, amount in suspended.amounts(PayType(pay_type), wanted).items()
    }


def channel_lines_have_their_orders() -> Iterator[Finding]:
    """No money of an order without its confirmation, none in suspense without a case, none going
    back without a refund that was approved."""
    kinds = (LineKind.CHANNEL_PAY, LineKind.TOPUP, LineKind.SUSPENSE, LineKind.CHANNEL_REFUND)
    for lines in reach.lines(kind__in=kinds):
        named = [_named(line) for line in lines]
        paid = PaymentOrder.objects.filter(order_no__in=named, status=OrderStatus.CONFIRMED)
        confirmed = set(paid.values_list("order_no", flat=True))
        opened = set(Case.objects.filter(reference__in=named).values_list("reference", flat=True))
        refunds = ChannelRefund.objects.in_bulk(named, field_name="refund_no")
        for line in lines:
            says = _explained(line, confirmed, opened, refunds)
            if says:
                yield Finding("channel_lines_have_their_orders", f"ledger line {line.pk}", says)


def refunds_are_in_the_ledger() -> Iterator[Finding]:
    """A channel refund that was approved is one line of its amount; one that failed came back; one
    that was paid after all came back and is carried by the platform."""
    for chunk in _refunds():
        refunds = [one for one in chunk if one.status not in (*UNDECIDED, RefundStatus.REJECTED)]
        numbers = [refund.refund_no for refund in refunds]
        late_ones = [end_refund.late_reference(number) for number in numbers]
        out = _lines((LineKind.CHANNEL_REFUND,), [*numbers, *late_ones])
        back = _lines((LineKind.SUSPENSE, LineKind.ADJUSTMENT), numbers)
        for refund in refunds:
            late_no = end_refund.late_reference(refund.refund_no)
            sent = [(line.source, line.amount) for line in out.get(refund.refund_no, ())]
            late = [(line.source, line.amount) for line in out.get(late_no, ())]
            returned = [(line.target, line.amount) for line in back.get(refund.refund_no, ())]
            once, carried = [(refund.source, refund.amount)], [(accounts.PLATFORM, refund.amount)]
            right = {
                RefundStatus.FAILED: ((once, []),),
                RefundStatus.DONE: (([], []), (once, carried)),
            }.get(RefundStatus(refund.status), (([], []),))
            if sent != once or (returned, late) not in right:
                yield Finding(
                    "refunds_are_in_the_ledger",
                    f"refund {refund.refund_no}",
                    f"out {sent}, back {returned}, after all {late}, refund {refund.amount}",
                )


def _refunds() -> Iterator[list[ChannelRefund]]:
    """All; or what is not over, what was decided since, and what the lines since name."""
    refunds = ChannelRefund.objects.all()
    if (since := reach.moment()) is None:
        return by_key(refunds)
    under_way = by_key(refunds.filter(status__in=UNDER_WAY))
    decided = reach.by_time(refunds, "decided_at", since)
    return reach.once(chain(under_way, decided, _refunds_named_since()))


def _refunds_named_since() -> Iterator[list[ChannelRefund]]:
    kinds = (LineKind.CHANNEL_REFUND, LineKind.SUSPENSE, LineKind.ADJUSTMENT)
    for lines in reach.lines(kind__in=kinds):
        named = ChannelRefund.objects.filter(refund_no__in=[_named(line) for line in lines])
        yield list(named.order_by("pk"))


def _cases() -> Iterator[list[Case]]:
    """All; or the open ones, and those whose money the lines since have moved."""
    if reach.since() is None:
        return by_key(Case.objects.all())
    return reach.once(
        chain(by_key(Case.objects.filter(status=CaseStatus.OPEN)), _cases_moved_since())
    )


def _cases_moved_since() -> Iterator[list[Case]]:
    kinds = (LineKind.CHANNEL_REFUND, LineKind.SUSPENSE, LineKind.ADJUSTMENT)
    for lines in reach.lines(kind__in=kinds):
        named = [_named(line) for line in lines]
        keys = (
            Case.objects.filter(reference__in=named).values_list("pk", flat=True),
            ChannelRefund.objects.filter(refund_no__in=named).values_list("case_id", flat=True),
            Adjustment.objects.filter(reference__in=named).values_list("case_id", flat=True),
        )
        moved = {key for some in keys for key in some if key is not None}
        yield list(Case.objects.filter(pk__in=moved).order_by("pk"))


def suspense_is_what_open_cases_hold() -> Iterator[Finding]:
    """A case holds what came for it less what left, once; all of suspense is held by open cases."""
    rule, held_in_all = "suspense_is_what_open_cases_hold", ZERO
    for found in _cases():
        by_lines = cases.by_lines(found)
        for case in found:
            lines = by_lines[case.pk]
            held_in_all += lines
            held = lines if case.held is None else case.held
            if held != lines or lines < 0:
                yield Finding(rule, f"case {case.pk}", f"holds {held}, lines {lines}")
            elif held and case.status != CaseStatus.OPEN:
                yield Finding(rule, f"case {case.pk}", f"resolved, and holds {held}")
    in_suspense = held_in(accounts.SUSPENSE)
    if in_suspense != held_in_all:
        yield Finding(rule, "suspense", f"{in_suspense}, cases hold {held_in_all}")


def refunds_stay_within_their_payment() -> Iterator[Finding]:
    """All that went back of a payment, or is under way, is at most what was paid."""
    rule = "refunds_stay_within_their_payment"
    for chunk in _refunds():
        in_chunk = {refund.pk for refund in chunk}
        kept = _kept(chunk)
        for payment, refunds in _with_the_others(chunk).items():
            if reach.since() is None and refunds[0].pk not in in_chunk:
                continue  # seen with an earlier chunk
            amount = sum((r.amount for r in refunds if r.status not in IN_VAIN), ZERO)
            trade = kept.get(payment)
            told = [r for r in refunds if not trade or r.status in UNDER_WAY]
            totals = {refund.paid for refund in told} | ({trade.paid} if trade else set())
            counted = trade.refunded if trade else amount
            if len(totals) > 1 or amount > min(totals) or counted != amount:
                says = f"{amount} of {sorted(map(str, totals))}, kept as {counted}"
                yield Finding(rule, f"payment {PayType(payment[0]).word} {payment[1]}", says)


def _kept(refunds: list[ChannelRefund]) -> dict[tuple[int, str], Trade]:
    rows = _trades_of((refund.pay_type, refund.trade_no) for refund in refunds)
    return {(row.pay_type, row.trade_no): row for row in rows}


def _with_the_others(refunds: list[ChannelRefund]) -> dict[tuple[int, str], list[ChannelRefund]]:
    """All refunds of the payments that these are of, the oldest first."""
    found: dict[tuple[int, str], list[ChannelRefund]] = {}
    trades = {refund.trade_no for refund in refunds}
    for refund in ChannelRefund.objects.filter(trade_no__in=trades).order_by("pk"):
        found.setdefault((refund.pay_type, refund.trade_no), []).append(refund)
    return found


def refunds_under_way_are_asked_about() -> Iterator[Finding]:
    """A refund whose money is on its way is asked about; one that waits, or that has been under way
    for too long, has a case that somebody has not closed yet."""
    long_ago = clock.now() - send_refund.STUCK_AFTER - SEEN_WITHIN
    under_way = ChannelRefund.objects.filter(
        status__in=(RefundStatus.APPROVED, RefundStatus.SENT, RefundStatus.PARKED)
    )
    for refunds in by_key(under_way):
        waited_for = _open_cases(refunds, *WAIT_FOR_WORD)
        for refund in refunds:
            is_long = refund.status == RefundStatus.PARKED or refund.decided_at < long_ago
            is_silent = refund.chase_at is None
            if is_silent or (is_long and end_refund.about(refund) not in waited_for):
                yield Finding(
                    "refunds_under_way_are_asked_about",
                    f"refund {refund.refund_no}",
                    f"{refund.get_status_display()}, next question {refund.chase_at}",
                )


def refunds_of_bills_are_booked_once() -> Iterator[Finding]:
    """What was made at a channel itself stands in our books once by its number there, and nobody
    tells the channel to make it again."""
    rule = "refunds_of_bills_are_booked_once"
    theirs = ChannelRefund.objects.exclude(their_no="").exclude(status__in=IN_VAIN)
    for chunk in _refunds():
        in_chunk, seen = {refund.pk for refund in chunk}, set()
        numbers = {refund.their_no for refund in chunk if refund.their_no}
        for refund in theirs.filter(their_no__in=numbers).order_by("pk"):
            key = refund.pay_type, refund.their_no
            is_told = refund.status not in (RefundStatus.PROPOSED, RefundStatus.DONE)
            is_wrong = key in seen or is_told or refund.chase_at
            seen.add(key)
            if is_wrong and refund.pk in in_chunk:
                says = f"{refund.their_no}, {refund.get_status_display()}"
                yield Finding(rule, f"refund {refund.refund_no}", says)


def late_refunds_are_put_right() -> Iterator[Finding]:
    """What was paid back after it had failed is the platform's loss until its case is closed."""
    late = Case.objects.filter(kind=CaseKind.REFUND_LATE, status=CaseStatus.OPEN)
    for found in by_key(late):
        for case in found:
            says = f"{case.amount} {case.says}"
            yield Finding("late_refunds_are_put_right", f"case {case.reference}", says)


RULES = (
    bill_audit.bills_have_their_cases,
    bill_audit.bills_are_what_they_name,
    confirmed_orders_are_in_the_ledger,
    payments_are_booked_once,
    channel_lines_have_their_orders,
    refunds_are_in_the_ledger,
    suspense_is_what_open_cases_hold,
    refunds_stay_within_their_payment,
    refunds_under_way_are_asked_about,
    refunds_of_bills_are_booked_once,
    late_refunds_are_put_right,
)


def _open_cases(refunds: list[ChannelRefund], *kinds: CaseKind) -> set[str]:
    about = [end_refund.about(refund) for refund in refunds]
    found: set[str] = set()
    for kind in kinds:  # one at a time, as in _lines
        open_ones = Case.objects.filter(kind=kind, reference__in=about, status=CaseStatus.OPEN)
        found.update(open_ones.values_list("reference", flat=True))
    return found


def _named(line: Line) -> str:
    """What a line is about, whichever way it goes."""
    return line.reference.removesuffix(LATE).removesuffix(BACK)


def _lines(kinds: tuple[LineKind, ...], references: list[str]) -> dict[str, list[Line]]:
    """A kind at a time: MariaDB makes a table of a thousand references, and of several kinds walks
    through all lines to join it (in_predicate_conversion_threshold)."""
    found: dict[str, list[Line]] = {}
    for kind in kinds:
        for line in reach.plain(LedgerLine.objects.filter(kind=kind, reference__in=references)):
            found.setdefault(line.reference, []).append(line)
    return found


def _explained(line: Line, confirmed: set, opened: set, refunds: dict) -> str:
    """What is missing behind this line; empty when nothing is."""
    match line.kind:
        case LineKind.CHANNEL_PAY | LineKind.TOPUP:
            return "" if line.reference in confirmed else f"no confirmed order {line.reference}"
        case LineKind.SUSPENSE:
            return "" if _named(line) in opened else f"no case {line.reference}"
    refund = refunds.get(_named(line))
    if refund is None or refund.checker_id is None or refund.checker_id == refund.maker_id:
        return f"no approved refund {line.reference}"
    return ""
