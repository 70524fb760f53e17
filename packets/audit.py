"""The packets' rules of money (账实核对): shares, escrow, wallets and draw tell one story."""
# Long: every rule of packets, so that they are read against each other.

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import chain
from typing import Any, NamedTuple

from django.db.models import Q

from kit import clock
from kit.money import ZERO, fen
from kit.present import present
from packets import draw, years
from packets.finish import seconds_between
from packets.models import RedPacket, RefundReview, SettlementPass, Share, YearSoFar
from packets.states import Kind, PayStatus
from payments.models import PaymentOrder
from payments.states import PAYABLE, OrderStatus, PayType
from wallets import accounts, reach
from wallets.audit import Finding, by_key, by_weight
from wallets.models import LedgerLine
from wallets.reach import Line
from wallets.states import LineKind

# A grab that outlived both passes is credited by the slow sweep: every minute, and it may be slow.
SWEPT_WITHIN_S = 180
# How far back a night looks for packets that are awaited though none of their shares is left.
LATE_DAYS = 90


class _Share(NamedTuple):
    """What the rules ask of a share: five times as cheap as a row of the model."""

    rp_id: int
    position: int
    for_user: str | None
    user_id: str | None
    money: Decimal
    is_good: bool
    is_into_account: bool
    is_returned: bool
    update_time: datetime | None


def packets_are_sound() -> Iterator[Finding]:
    """Each packet's shares, draw, flags, ledger lines and escrow agree with each other."""
    for packets in _read():
        shares = _shares(packets)
        passes: dict[int, list[SettlementPass]] = defaultdict(list)
        for one in SettlementPass.objects.filter(packet__in=packets).order_by("number"):
            passes[one.packet_id].append(one)
        escrows = [accounts.escrow(packet.public_id) for packet in packets]
        lines, orders = _lines(escrows), _orders(packets)
        for packet in packets:
            own, account = shares[packet.pk], accounts.escrow(packet.public_id)
            order_no = orders.get((packet.public_id, packet.pay_type, packet.trade_no))
            for rule, says in (
                *_broken(packet, own),
                *_settled(packet, own, passes[packet.pk]),
                *_posted(packet, own, account, lines[account], order_no),
            ):
                yield Finding(rule, f"packet {packet.public_id}", says)


def _read() -> Iterator[list[RedPacket]]:
    """All packets; or those that can still change, or could until a moment ago, and those that the
    lines since are about."""
    since = reach.moment()
    if since:
        return by_weight(reach.once(chain(going_on(since), _named_since())), "number")
    return by_weight(by_key(RedPacket.objects.all()), "number")


def going_on(since: datetime) -> Iterator[list[RedPacket]]:
    """Each along its sweep's index, which holds what is due."""
    open_ones = RedPacket.objects.filter(is_cli_handle=False)
    yield from reach.by_time(RedPacket.objects.all(), "draft_until")
    yield from reach.by_time(RedPacket.objects.filter(closed_at__gte=since), "forget_at", since)
    yield from reach.by_time(open_ones.filter(pay_status=PayStatus.PAID), "expire_time")
    yield from _awaiting(Q(voided_at=None) | Q(voided_at__gte=since), since)


def _awaiting(which: Q, since: datetime) -> Iterator[list[RedPacket]]:
    """Those of which shares are left; the others, void or all taken, as far back as money comes
    late."""
    rows = RedPacket.objects.filter(pay_status=PayStatus.AWAITING)
    yield from reach.by_time(rows.filter(is_cli_handle=False), "expire_time")
    yield from reach.by_time(
        rows.filter(which, is_cli_handle=True), "expire_time", since - timedelta(days=LATE_DAYS)
    )


def _named_since() -> Iterator[list[RedPacket]]:
    for lines in reach.lines():
        named = {accounts.held_for(name) for line in lines for name in (line.source, line.target)}
        yield list(RedPacket.objects.filter(public_id__in=named - {None}).order_by("pk"))


def _shares(packets: list[RedPacket]) -> dict[int, list[_Share]]:
    """In the order of their positions."""
    found: dict[int, list[_Share]] = defaultdict(list)
    rows = Share.objects.filter(rp__in=packets).order_by("rp", "position")
    for row in rows.values_list(*_Share._fields):
        share = _Share(*row)
        found[share.rp_id].append(share)
    return found


def lines_have_their_packets() -> Iterator[Finding]:
    """Every ledger line of a packet names one that exists, and uses that packet's own escrow."""
    kinds = (LineKind.SEND, LineKind.GRAB, LineKind.EXPIRY_REFUND, LineKind.CHANNEL_PAY)
    for lines in reach.lines(kind__in=kinds):
        named = {_packet_of(line) for line in lines}
        known = set(
            RedPacket.objects.filter(public_id__in=named).values_list("public_id", flat=True)
        )
        for line in lines:
            name = _packet_of(line)
            held_for = accounts.held_for(line.source) or accounts.held_for(line.target)
            if name not in known or name != held_for:
                yield Finding(
                    "lines_have_their_packets",
                    f"ledger line {line.pk}",
                    f"{line.reference} from {line.source} to {line.target}",
                )


def awaited_money_is_asked_for() -> Iterator[Finding]:
    """Whoever waits for money has somebody who asks for it: an order that can still be paid."""
    not_void, since = Q(voided_at=None), reach.moment()
    all_of_them = RedPacket.objects.filter(not_void, pay_status=PayStatus.AWAITING)
    for packets in _awaiting(not_void, since) if since else by_key(all_of_them):
        asked = PaymentOrder.objects.filter(
            reference__in=[packet.public_id for packet in packets],
            status__in=PAYABLE,
            chase_at__isnull=False,
        )
        references = set(asked.values_list("reference", flat=True))
        for packet in packets:
            if packet.public_id not in references:
                yield Finding(
                    "awaited_money_is_asked_for",
                    f"packet {packet.public_id}",
                    "awaiting, and no order of it is asked about",
                )


def refunds_are_put_forward() -> Iterator[Finding]:
    """Each expiry refund in the ledger has one review of its amount, and the other way round."""
    rule = "refunds_are_put_forward"
    for lines in reach.lines(kind=LineKind.EXPIRY_REFUND):
        named = [line.reference for line in lines]
        reviews = {
            packet: (accounts.wallet(user), amount, pay_type == packet_pay_type)
            for packet, user, amount, pay_type, packet_pay_type in RefundReview.objects.filter(
                packet__public_id__in=named
            ).values_list("packet__public_id", "user_id", "amount", "pay_type", "packet__pay_type")
        }
        for line in lines:
            if reviews.get(line.reference) != (line.target, line.amount, True):
                yield Finding(
                    rule, f"ledger line {line.pk}", f"review {reviews.get(line.reference)}"
                )
    reviewed, since = RefundReview.objects.select_related("packet"), reach.moment()
    for rows in reach.by_time(reviewed, "created_at", since) if since else by_key(reviewed):
        posted = set(
            LedgerLine.objects.filter(
                kind=LineKind.EXPIRY_REFUND, reference__in=[row.packet.public_id for row in rows]
            ).values_list("reference", flat=True)
        )
        for row in rows:
            if row.packet.public_id not in posted:
                yield Finding(rule, f"review {row.pk}", f"no refund of {row.packet.public_id}")


def _packet_of(line: Line) -> str | None:
    """The packet that a line names: by its reference, or as the escrow that a channel pays into."""
    if line.kind == LineKind.CHANNEL_PAY:
        return accounts.held_for(line.target)
    return Share.packet_of(line.reference)


def _orders(packets: list[RedPacket]) -> dict[tuple[str, int, str], str]:
    """The number of the confirmed order that paid a packet, by (packet, channel, trade number)."""
    confirmed = PaymentOrder.objects.filter(
        reference__in=[packet.public_id for packet in packets], status=OrderStatus.CONFIRMED
    )
    rows = confirmed.values_list("reference", "pay_type", "trade_no", "order_no")
    return {(about, pay_type, trade_no): order_no for about, pay_type, trade_no, order_no in rows}


def _lines(escrows: list[str]) -> dict[str, list[Line]]:
    """The ledger lines of each escrow account."""
    found: dict[str, list[Line]] = defaultdict(list)
    for side in ("source", "target"):
        for line in reach.plain(LedgerLine.objects.filter(**{f"{side}__in": escrows})):
            found[getattr(line, side)].append(line)
    return found


def _broken(packet: RedPacket, shares: list[_Share]) -> Iterator[tuple[str, str]]:
    if shares or not packet.closed_at:  # those of a closed one are dropped in the end (close.py)
        yield from _drawn(packet, shares)
        yield from _luck(packet, shares)
    yield from _flags(packet, shares)
    yield from _named(packet, shares)


def _named(packet: RedPacket, shares: list[_Share]) -> Iterator[tuple[str, str]]:
    named = [share.for_user for share in shares if share.for_user is not None]
    expected = len(shares) if packet.type == Kind.EXCLUSIVE else 0
    if len(set(named)) != expected or len(named) != expected or packet.user_id in named:
        yield "named_shares_are_an_exclusive_packets", f"{len(named)} of {len(shares)} are named"
    for share in shares:
        if share.for_user is not None and share.user_id not in (None, share.for_user):
            yield (
                "a_named_share_is_its_persons",
                f"position {share.position} is for {share.for_user}, taken by {share.user_id}",
            )


def _drawn(packet: RedPacket, shares: list[_Share]) -> Iterator[tuple[str, str]]:
    if [share.position for share in shares] != list(range(1, packet.number + 1)):
        yield "shares_are_all_there", f"{len(shares)} shares, number {packet.number}"
    total = sum((share.money for share in shares), ZERO)
    if total != packet.total_money:
        yield "shares_add_up", f"shares {total}, total {packet.total_money}"
    if packet.type != Kind.LUCKY and any(share.money != packet.single_money for share in shares):
        yield "equal_shares_are_equal", f"one share is not {packet.single_money}"
    least, most = packet.share_min, packet.share_max
    if any(not least <= share.money <= most for share in shares):
        yield "shares_keep_the_limits", f"a share is outside {least}..{most}"


def _luck(packet: RedPacket, shares: list[_Share]) -> Iterator[tuple[str, str]]:
    good = [share.position for share in shares if share.is_good]
    amounts = [fen(share.money) for share in shares]
    if packet.type != Kind.LUCKY:
        if good or packet.seed or packet.commitment:
            yield "only_lucky_packets_are_drawn", f"best luck at {good}"
        return
    if amounts and good != [draw.best_luck(amounts)]:
        yield "best_luck_is_the_largest", f"best luck at {good}"
    rules: dict[str, Any] = {
        "total": fen(packet.total_money),
        "number": packet.number,
        "minimum": fen(packet.share_min),
        "maximum": fen(packet.share_max),
    }
    try:
        rules["seed"] = bytes.fromhex(packet.seed)
        if draw.commitment(public_id=packet.public_id, **rules) != packet.commitment:
            yield "the_commitment_holds", "seed, id, total, number or limits do not hash to it"
        elif draw.draw(**rules) != amounts:
            yield "the_draw_can_be_repeated", "the seed draws other amounts"
    except ValueError as error:  # no seed, or no draw at all from these numbers
        yield "the_draw_can_be_repeated", str(error)


def _flags(packet: RedPacket, shares: list[_Share]) -> Iterator[tuple[str, str]]:
    taken = [share for share in shares if share.user_id is not None]
    returned = sum((share.money for share in shares if share.is_returned), ZERO)
    is_void = packet.voided_at is not None
    if packet.pay_status == PayStatus.UNPAID and (taken or returned):
        yield "nothing_moves_before_issue", f"{len(taken)} taken, {returned} returned"
    if not is_void and packet.return_money != returned:
        yield "returned_is_the_closed_shares", f"{packet.return_money}, shares {returned}"
    if is_void and packet.pay_status != PayStatus.AWAITING:
        yield "only_awaiting_packets_are_voided", f"void, pay_status {packet.pay_status}"
    if is_void and packet.return_money:
        yield "a_void_packet_returns_nothing", f"{packet.return_money}"
    if is_void and not all(share.user_id or share.is_returned for share in shares):
        yield "a_void_packet_is_closed", "a share can still be taken"
    if (returned or is_void) and not packet.is_cli_handle:
        yield "returned_means_dealt_with", "shares are returned or void, is_cli_handle is 0"
    if any(share.is_into_account and share.user_id is None for share in shares):
        yield "only_takers_are_credited", "an untaken share is credited"
    if any(share.is_into_account for share in shares) and packet.pay_status != PayStatus.PAID:
        yield "only_paid_packets_credit", "a share is credited, the packet is not paid"
    if packet.expend_time is not None:
        last = max((present(share.update_time) for share in taken), default=None)
        if len(taken) != len(shares) or last is None:
            yield "finished_means_all_taken", f"{len(taken)} of {len(shares)} taken"
        elif not packet.pay_time or seconds_between(packet.pay_time, last) != packet.expend_time:
            yield "expend_time_is_the_last_share", f"{packet.expend_time}"


def _settled(
    packet: RedPacket, shares: list[_Share], passes: list[SettlementPass]
) -> Iterator[tuple[str, str]]:
    """A channel's confirmation queues two passes; when both are done nobody waits for his money."""
    by_channel = packet.pay_status == PayStatus.PAID and packet.pay_type != PayType.BALANCE
    numbers = [one.number for one in passes]
    if numbers != ([1, 2] if by_channel else []):
        yield "a_confirmation_queues_two_passes", f"passes {numbers}"
    for one in passes:
        if one.done_at is None and (one.run_at is None) != packet.is_frozen:
            yield "open_passes_are_queued_unless_frozen", f"pass {one.number} runs {one.run_at}"
    credited = sum((share.money for share in shares if share.is_into_account), ZERO)
    if sum((one.money for one in passes), ZERO) > credited:
        yield "passes_credit_what_is_credited", f"passes above {credited}"
    is_over = passes and all(_done_long_ago(one.done_at) for one in passes)
    owed = [share.position for share in shares if share.user_id and not share.is_into_account]
    if is_over and owed and not packet.is_frozen:
        yield "taken_shares_are_credited", f"positions {owed}"


def _done_long_ago(done_at: datetime | None) -> bool:
    return done_at is not None and done_at <= clock.now() - timedelta(seconds=SWEPT_WITHIN_S)


def _posted(
    packet: RedPacket,
    shares: list[_Share],
    escrow: str,
    lines: list[Line],
    order_no: str | None,
) -> Iterator[tuple[str, str]]:
    """Every movement of this packet is one line, and there is no line without its movement."""
    sender = accounts.wallet(packet.user_id)
    expected: dict[tuple[int, str], tuple[str, str, Decimal]] = {}
    if packet.pay_status == PayStatus.PAID and packet.pay_type == PayType.BALANCE:
        expected[LineKind.SEND, packet.public_id] = (sender, escrow, packet.total_money)
    elif packet.pay_status == PayStatus.PAID:
        clearing = accounts.clearing(PayType(packet.pay_type).word)
        reference = order_no or "of no confirmed order"
        expected[LineKind.CHANNEL_PAY, reference] = (clearing, escrow, packet.total_money)
    for share in shares:
        if share.is_into_account:
            reference = Share.reference_of(packet.public_id, share.position)
            taker = share.user_id or ""
            expected[LineKind.GRAB, reference] = (escrow, accounts.wallet(taker), share.money)
    if packet.return_money:
        refund = (escrow, sender, packet.return_money)
        expected[LineKind.EXPIRY_REFUND, packet.public_id] = refund
    found = {(line.kind, line.reference): (line.source, line.target, line.amount) for line in lines}
    for key in sorted(set(expected) | set(found)):
        if expected.get(key) != found.get(key):
            name = f"{LineKind(key[0]).name if key[0] in LineKind else key[0]} {key[1]}"
            yield (
                "movements_are_in_the_ledger",
                f"{name}: expected {expected.get(key)}, line {found.get(key)}",
            )
    waiting = sum((s.money for s in shares if not s.is_into_account and not s.is_returned), ZERO)
    due = waiting if packet.pay_status == PayStatus.PAID and not packet.voided_at else ZERO
    held = sum((line.amount if line.target == escrow else -line.amount for line in lines), ZERO)
    if held != due:
        yield "escrow_is_what_waits", f"escrow {held}, shares waiting {due}"


def kept_years_are_their_rows() -> Iterator[Finding]:
    """What is kept of a user's year is the sum of his packets and shares until then."""
    if reach.since():
        return  # figures of whole years, and no money rests on them
    for rows in by_key(YearSoFar.objects.all()):
        for row in rows:
            kept, found = years.figures_of(row), years.counted_again(row)
            if kept != found:
                yield Finding(
                    "kept_years_are_their_rows",
                    f"year {row.year} of {row.user_id}",
                    f"{kept}, rows {found}",
                )


RULES = (
    packets_are_sound,
    awaited_money_is_asked_for,
    lines_have_their_packets,
    refunds_are_put_forward,
    kept_years_are_their_rows,
)
