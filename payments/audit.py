"""The payments' rules of money: every confirmed order landed once, nothing waits without a case."""

from collections.abc import Iterator

from payments.models import Case, ChannelRefund, PaymentOrder
from payments.states import OrderStatus, PayType, RefundStatus
from redpacket_site.kit.money import total
from wallets import accounts
from wallets.audit import Finding, by_key, register
from wallets.models import Kind, LedgerLine


def confirmed_orders_are_in_the_ledger() -> Iterator[Finding]:
    """A confirmed order is one line out of its channel's clearing: to its owner, or to suspense."""
    confirmed = PaymentOrder.objects.filter(status=OrderStatus.CONFIRMED)
    for orders in by_key(confirmed):
        own = _lines((Kind.CHANNEL_PAY, Kind.TOPUP), [order.order_no for order in orders])
        apart = _lines((Kind.SUSPENSE,), [_payment(order) for order in orders])
        for order in orders:
            lines = own.get(order.order_no) or apart.get(_payment(order), [])
            clearing = accounts.clearing(PayType(order.pay_type).word)
            if [(line.source, line.amount) for line in lines] != [(clearing, order.amount)]:
                yield Finding(
                    "confirmed_orders_are_in_the_ledger",
                    f"order {order.order_no}",
                    f"{len(lines)} lines of {[str(line.amount) for line in lines]},"
                    f" order {order.amount}",
                )


def channel_lines_have_their_orders() -> Iterator[Finding]:
    """No money of an order without its confirmation, none in suspense without a case, none going
    back without a refund that was approved."""
    kinds = (Kind.CHANNEL_PAY, Kind.TOPUP, Kind.SUSPENSE, Kind.CHANNEL_REFUND)
    for lines in by_key(LedgerLine.objects.filter(kind__in=kinds)):
        named = [line.reference for line in lines]
        confirmed = set(
            PaymentOrder.objects.filter(
                order_no__in=named, status=OrderStatus.CONFIRMED
            ).values_list("order_no", flat=True)
        )
        cases = set(Case.objects.filter(reference__in=named).values_list("reference", flat=True))
        refunds = {
            refund.refund_no: refund for refund in ChannelRefund.objects.filter(refund_no__in=named)
        }
        for line in lines:
            says = _explained(line, confirmed, cases, refunds)
            if says:
                yield Finding("channel_lines_have_their_orders", f"ledger line {line.pk}", says)


def refunds_are_in_the_ledger() -> Iterator[Finding]:
    """An approved channel refund is one line of its amount; a failed one came back."""
    decided = ChannelRefund.objects.exclude(
        status__in=(RefundStatus.PROPOSED, RefundStatus.REJECTED)
    )
    for refunds in by_key(decided):
        numbers = [refund.refund_no for refund in refunds]
        out = _lines((Kind.CHANNEL_REFUND,), numbers)
        back = _lines((Kind.SUSPENSE, Kind.ADJUSTMENT), numbers)
        for refund in refunds:
            sent = [(line.source, line.amount) for line in out.get(refund.refund_no, ())]
            returned = [(line.target, line.amount) for line in back.get(refund.refund_no, ())]
            once = [(refund.source, refund.amount)]
            expected = once if refund.status == RefundStatus.FAILED else []
            if sent != once or returned != expected:
                yield Finding(
                    "refunds_are_in_the_ledger",
                    f"refund {refund.refund_no}",
                    f"out {sent}, back {returned}, refund {refund.amount}",
                )


def suspense_is_not_negative() -> Iterator[Finding]:
    """No more left suspense than came to it."""
    lines = LedgerLine.objects
    came = total(lines.filter(target=accounts.SUSPENSE), "amount")
    left = total(lines.filter(source=accounts.SUSPENSE), "amount")
    if left > came:
        yield Finding("suspense_is_not_negative", "suspense", f"{came} came, {left} left")


RULES = (
    confirmed_orders_are_in_the_ledger,
    channel_lines_have_their_orders,
    refunds_are_in_the_ledger,
    suspense_is_not_negative,
)


def register_rules() -> None:
    for rule in RULES:
        register(rule)


def _payment(order: PaymentOrder) -> str:
    return f"{PayType(order.pay_type).word}:{order.trade_no}"


def _lines(kinds: tuple[Kind, ...], references: list[str]) -> dict[str, list[LedgerLine]]:
    found: dict[str, list[LedgerLine]] = {}
    for line in LedgerLine.objects.filter(kind__in=kinds, reference__in=references):
        found.setdefault(line.reference, []).append(line)
    return found


def _explained(line: LedgerLine, confirmed: set, cases: set, refunds: dict) -> str:
    """What is missing behind this line; empty when nothing is."""
    match line.kind:
        case Kind.CHANNEL_PAY | Kind.TOPUP:
            return "" if line.reference in confirmed else f"no confirmed order {line.reference}"
        case Kind.SUSPENSE:
            return "" if line.reference in cases else f"no case {line.reference}"
    refund = refunds.get(line.reference)
    if refund is None or refund.checker_id is None or refund.checker_id == refund.maker_id:
        return f"no approved refund {line.reference}"
    return ""
