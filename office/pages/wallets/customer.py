"""What concerns one customer (客户): money, packets, shares, orders, cases, refunds, staff's acts.
Each is read behind a place of its own, in the order of an index (timeline.py merges them)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple

from django.db.models import Q, QuerySet
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _

from kit.marks import listed
from kit.telling import told
from office.frame import actions
from office.frame.dossier import Entry, to
from office.frame.staff import acts_on
from office.pages.wallets import flow
from office.shown.accounts import about
from office.shown.packets import count_taken, credited, shown_state
from office.shown.payments import case_status, order_status, refund_status
from packets.models import RedPacket, Share
from payments.models import Case, ChannelRefund, PaymentOrder
from wallets import accounts, statement
from wallets.models import LedgerLine, Wallet
from wallets.states import LineKind

ORDERS = 500  # of a customer's newest, whose cases and refunds are told


@dataclass(frozen=True, slots=True)
class Place:
    """Where a source goes on: behind a key or, in the order of a moment, behind both."""

    first: int
    second: int | None = None

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp(0, UTC) + _microseconds(self.first)


class Piece(NamedTuple):
    """One entry, and the place behind it in the source of this letter."""

    letter: str
    place: Place
    entry: Entry


@dataclass
class Customer:
    user_id: str

    @classmethod
    def of(cls, wallet: Wallet) -> "Customer":
        """One for all that a page shows of him."""
        known = getattr(wallet, "_customer", None)
        if known is None:
            known = wallet._customer = cls(wallet.user_id)  # type: ignore[attr-defined]
        return known

    @cached_property
    def order_nos(self) -> list[str]:
        """Of his newest orders: a case or a refund names its order alone."""
        newest = PaymentOrder.objects.filter(user_id=self.user_id).order_by("-pk")
        return list(newest.values_list("order_no", flat=True)[:ORDERS])

    def cases(self) -> QuerySet[Case]:
        return Case.objects.filter(order_no__in=self.order_nos)

    def refunds(self) -> QuerySet[ChannelRefund]:
        refunds = ChannelRefund.objects.filter(order_no__in=self.order_nos)
        return refunds.select_related("maker", "checker")


Read = Callable[["Customer", Place | None, int], Iterator[Piece]]


@dataclass(frozen=True, slots=True)
class Source:
    letter: str  # in an address
    about: str  # what is chosen above the timeline
    permission: str
    read: Read


# --- the sources


def _text(what: Any, amount: Decimal, *more: str) -> str:
    told = format_html_join(" ", "{}", ((each,) for each in more))
    return format_html("{} <b>{}</b> {}", what, f"{amount:,.2f}", told)


def _lines(customer: Customer, place: Place | None, most: int) -> Iterator[Piece]:
    """Money that moved, but for shares: those are told with their packets."""
    kinds = tuple(kind for kind in flow.KINDS if kind != LineKind.GRAB)
    keys = statement.newest(
        accounts.wallet(customer.user_id), kinds=kinds, before=place and place.first, count=most
    )
    rows = LedgerLine.objects.in_bulk(keys)
    for line in (rows[key] for key in keys):
        amount = flow.change(customer.user_id, line)
        text = format_html(
            "{} <b>{}</b> {}", LineKind(line.kind).label, f"{amount:+,.2f}", about(line)
        )
        entry = Entry(line.created_at, _("wallet"), text, "money", told(line.note))
        yield Piece("l", Place(line.pk), entry)


def _sent(customer: Customer, place: Place | None, most: int) -> Iterator[Piece]:
    packets = list(
        _behind(RedPacket.objects.filter(user_id=customer.user_id), "add_time", place)[:most]
    )
    count_taken(packets)
    for packet in packets:
        what = _("makes a packet: %(kind)s") % {"kind": packet.get_type_display()}
        link = to(packet, packet.public_id)
        text = _text(what, packet.total_money, link, shown_state(packet))
        counted = {"taken": packet.taken, "number": packet.number}
        taken = _("%(taken)d of %(number)d taken") % counted
        said = listed([taken, packet.intro])
        entry = Entry(packet.add_time, customer.user_id, text, "user", said)
        yield Piece("s", Place(_key(packet.add_time), packet.pk), entry)


def _taken(customer: Customer, place: Place | None, most: int) -> Iterator[Piece]:
    shares = Share.objects.filter(user_id=customer.user_id).select_related("rp")
    for share in _behind(shares, "update_time", place)[:most]:
        link = to(share.rp, share.rp.public_id)
        text = _text(_("takes a share"), share.money, link, credited(share))
        sender = _("sent by %(sender)s") % {"sender": share.rp.user_id}
        entry = Entry(share.update_time, customer.user_id, text, "user", sender)
        yield Piece("t", Place(_key(share.update_time), share.pk), entry)


def _orders(customer: Customer, place: Place | None, most: int) -> Iterator[Piece]:
    orders = PaymentOrder.objects.filter(user_id=customer.user_id).defer("pay_params")
    for order in _before(orders, place)[:most]:
        what = _("wants to pay by %(channel)s") % {"channel": order.get_pay_type_display()}
        text = _text(what, order.amount, to(order, order.order_no), order_status(order))
        entry = Entry(order.add_time, customer.user_id, text, "user", order.trade_no)
        yield Piece("o", Place(order.pk), entry)


def _cases(customer: Customer, place: Place | None, most: int) -> Iterator[Piece]:
    for case in _before(customer.cases(), place)[:most]:
        text = _text(to(case, case.get_kind_display()), case.amount, case_status(case))
        said = told(case.resolution or case.says)
        yield Piece("c", Place(case.pk), Entry(case.created_at, _("case"), text, "channel", said))


def _refunds(customer: Customer, place: Place | None, most: int) -> Iterator[Piece]:
    for refund in _before(customer.refunds(), place)[:most]:
        what = _("refund by %(channel)s") % {"channel": refund.get_pay_type_display()}
        text = _text(what, refund.amount, to(refund, refund.refund_no), refund_status(refund))
        entry = Entry(refund.proposed_at, _("refund"), text, "channel")
        yield Piece("r", Place(refund.pk), entry)


def _staff(customer: Customer, place: Place | None, most: int) -> Iterator[Piece]:
    rows = acts_on(Wallet, [customer.user_id]).select_related("user")
    for row in _before(rows, place)[:most]:
        text = actions.titles.get(row.action, row.action)
        who = row.user.get_username()
        entry = Entry(row.created_at, who, text, "staff", row.reason)
        yield Piece("a", Place(row.pk), entry)


SOURCES: Sequence[Source] = (
    Source("l", "money", "wallets.view_wallet", _lines),
    Source("s", "packets", "packets.view_redpacket", _sent),
    Source("t", "packets", "packets.view_redpacket", _taken),
    Source("o", "orders", "payments.view_paymentorder", _orders),
    Source("c", "orders", "payments.view_case", _cases),
    Source("r", "orders", "payments.view_paymentorder", _refunds),
    Source("a", "staff", "wallets.view_wallet", _staff),
)


# --- places


def _before(rows: QuerySet, place: Place | None) -> Any:
    """In the order of the key, behind a place."""
    rows = rows.order_by("-pk")
    return rows.filter(pk__lt=place.first) if place else rows


def _behind(rows: QuerySet, column: str, place: Place | None) -> Any:
    """In the order of a moment and the key, behind a place."""
    rows = rows.order_by(f"-{column}", "-pk")
    if place is None:
        return rows
    at = place.at
    same = Q(**{column: at}, pk__lt=place.second or 0)
    return rows.filter(**{f"{column}__lte": at}).filter(Q(**{f"{column}__lt": at}) | same)


def _key(at: datetime) -> int:
    return (at - datetime.fromtimestamp(0, UTC)) // _microseconds(1)


def _microseconds(number: int) -> timedelta:
    return timedelta(microseconds=number)
