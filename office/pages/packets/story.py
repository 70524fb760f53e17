"""Everything that is known of one packet, read once for its page, and told as one timeline.

Untaken amounts, best luck and seed stay hidden from staff, too, until the packet is finished or
expired (Spec 2.7): `Story.is_over` is the one place that says so.
"""
# Long: one page's story, in the order in which it is told.

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property

from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from kit.marks import named, sentences
from kit.money import ZERO
from kit.telling import told
from office.frame.dossier import Bar, Entry, Part, found, in_order
from office.readonly import done_to
from office.shown.payments import late_money, notice_entries
from office.shown.wallets import decision
from packets.models import RedPacket, SettlementPass, Share
from packets.states import Kind, PacketState, PayStatus, state_of
from payments.models import Case, ChannelRefund, Notification, PaymentOrder
from payments.states import PayType
from wallets import accounts
from wallets.models import LedgerLine
from wallets.states import LineKind

PURPOSE = "packet"


@dataclass
class Story:
    """One packet and what belongs to it: a fixed number of queries, each by an index."""

    packet: RedPacket
    now: datetime

    @cached_property
    def shares(self) -> list[Share]:
        return list(Share.objects.filter(rp=self.packet).order_by("position"))

    @cached_property
    def taken(self) -> list[Share]:
        return [share for share in self.shares if share.user_id is not None]

    @cached_property
    def state(self) -> PacketState:
        return state_of(self.packet, len(self.taken), self.now)

    @property
    def is_over(self) -> bool:
        return self.state in (PacketState.FINISHED, PacketState.EXPIRED)

    def amount_of(self, share: Share) -> Decimal | None:
        return share.money if share.user_id or self.is_over else None

    @property
    def best(self) -> Share | None:
        if self.packet.type != Kind.LUCKY or self.state is not PacketState.FINISHED:
            return None
        return next((share for share in self.shares if share.is_good), None)

    @cached_property
    def lines(self) -> list[LedgerLine]:
        account = accounts.escrow(self.packet.public_id)
        sides = [LedgerLine.objects.filter(**{side: account}) for side in ("source", "target")]
        return sorted((line for side in sides for line in side), key=lambda line: line.pk)

    @cached_property
    def orders(self) -> list[PaymentOrder]:
        orders = PaymentOrder.objects.filter(reference=self.packet.public_id, purpose=PURPOSE)
        return list(orders.order_by("pk").defer("pay_params"))

    @cached_property
    def order_nos(self) -> list[str]:
        return [order.order_no for order in self.orders]

    @cached_property
    def notifications(self) -> list[Notification]:
        rows = Notification.objects.filter(order_no__in=self.order_nos)
        return list(rows.order_by("pk").defer("body", "headers")[:200]) if self.order_nos else []

    @cached_property
    def cases(self) -> list[Case]:
        rows = Case.objects.filter(order_no__in=self.order_nos).select_related("resolved_by")
        return list(rows.order_by("pk")) if self.order_nos else []

    @cached_property
    def channel_refunds(self) -> list[ChannelRefund]:
        rows = ChannelRefund.objects.filter(order_no__in=self.order_nos)
        people = rows.select_related("maker", "checker")
        return list(people.order_by("pk")) if self.order_nos else []

    @cached_property
    def passes(self) -> list[SettlementPass]:
        return list(SettlementPass.objects.filter(packet=self.packet).order_by("number"))

    @property
    def taken_money(self) -> Decimal:
        return sum((share.money for share in self.taken), ZERO)

    def sentence(self) -> str:
        """What it is, in one sentence."""
        packet = self.packet
        given = {
            "sender": packet.user_id,
            "whom": packet.for_id,
            "total": f"{packet.total_money:,.2f}",
            "number": packet.number,
            "taken": len(self.taken),
            "people": named(share.for_user or "" for share in self.shares),
        }
        match Kind(packet.type):
            case Kind.PERSONAL:
                what = _("%(sender)s sends %(total)s yuan to %(whom)s.")
            case Kind.EQUAL:
                what = _(
                    "%(sender)s shares %(total)s yuan equally among %(number)d members of the group"
                    " %(whom)s."
                )
            case Kind.LUCKY:
                what = _(
                    "%(sender)s lets %(number)d members of the group %(whom)s draw for %(total)s"
                    " yuan."
                )
            case Kind.EXCLUSIVE:
                what = _(
                    "%(sender)s sends %(total)s yuan in equal shares to %(people)s of the group"
                    " %(whom)s."
                )
        so_far = _("%(taken)d of %(number)d taken.")
        return sentences([what % given, so_far % given, *self._state_in_words()])

    def _state_in_words(self):
        """What has become of it, where that is not what everybody hopes for."""
        packet = self.packet
        given = {
            "money": f"{packet.return_money or ZERO:,.2f}",
            "late": f"{late_money(self.cases):,.2f}",
        }
        match self.state:
            case PacketState.UNPAID:
                yield _("It is not paid yet, and nobody can take it.")
            case PacketState.CLOSED:
                yield _("It was never paid in time, and is closed.")
            case PacketState.VOID:
                yield _("It is void: its payment did not arrive in time.")
            case PacketState.EXPIRED if packet.is_cli_handle:
                yield _("It has expired; %(money)s yuan went back to its sender.") % given
            case PacketState.EXPIRED:
                yield _("It has expired; what nobody took goes back to its sender soon.")
        if packet.pay_status == PayStatus.AWAITING and not packet.voided_at:
            yield _("The channel has not confirmed its payment yet.")
        if late_money(self.cases):
            yield _("%(late)s yuan more arrived for it: see the cases.") % given

    def bar(self) -> Bar:
        packet, taken = self.packet, self.taken_money
        return Bar(
            packet.total_money,
            [
                Part("taken", _("taken"), taken),
                Part("returned", _("returned"), packet.return_money),
                Part("waiting", _("not taken"), packet.total_money - taken - packet.return_money),
            ],
        )

    def timeline(self) -> list[Entry]:
        return in_order(
            [
                *self._sent(),
                *self._paid(),
                *self._taken(),
                *self._settled(),
                *self._ended(),
                *self._decided(),
                *done_to(self.packet),
            ]
        )

    def _sent(self):
        packet = self.packet
        given = {"total": f"{packet.total_money:,.2f}", "number": packet.number}
        yield Entry(
            packet.add_time,
            found(packet.user_id),
            ngettext(
                "put %(total)s yuan into a packet of %(number)d share",
                "put %(total)s yuan into a packet of %(number)d shares",
                packet.number,
            )
            % given,
            "user",
            packet.intro,
        )

    def _paid(self):
        packet = self.packet
        for order in self.orders:
            channel = PayType(order.pay_type).label
            given = {"money": f"{order.amount:,.2f}", "channel": channel}
            who = found(order.user_id)
            number = found(order.order_no)
            yield Entry(
                order.add_time,
                who,
                _("wants to pay %(money)s yuan by %(channel)s") % given,
                "user",
                number,
            )
            if order.reported_at:
                yield Entry(order.reported_at, who, _("says that it is paid"), "user", number)
            if order.confirmed_at:
                yield Entry(
                    order.confirmed_at,
                    channel,
                    _("confirms that %(money)s yuan have arrived") % given,
                    "channel",
                    found(order.trade_no),
                )
            if order.ended_at and not order.confirmed_at:
                text = _("the order ends: %(status)s") % {"status": order.get_status_display()}
                yield Entry(order.ended_at, _("system"), text, "system", number)
        yield from notice_entries(self.notifications)
        if packet.pay_time:
            until = {"until": localtime(packet.expire_time).strftime("%Y-%m-%d %H:%M:%S")}
            yield Entry(
                packet.pay_time,
                _("system"),
                _("issues the packet: it can be grabbed until %(until)s") % until,
                "system",
                _("paid by wallet balance") if packet.pay_type == PayType.BALANCE else "",
            )

    def _taken(self):
        credited = {
            accounts.owner(line.target): line.created_at
            for line in self.lines
            if line.kind == LineKind.GRAB
        }
        for share in self.taken:
            given = {"position": share.position, "money": f"{share.money:,.2f}"}
            at = credited.get(share.user_id)
            is_at_once = at is not None and at - share.update_time < timedelta(seconds=1)
            yield Entry(
                share.update_time,
                found(share.user_id),
                _("takes share %(position)d: %(money)s yuan") % given,
                "user",
                _("credited at once") if is_at_once else "" if at else _("not credited yet"),
            )
            if at and not is_at_once:
                given["user"] = share.user_id
                text = _("credits %(money)s yuan to %(user)s") % given
                yield Entry(at, _("system"), text)

    def _settled(self):
        for row in self.passes:
            if row.done_at:
                given = {
                    "number": row.number,
                    "shares": row.shares,
                    "money": f"{row.money:,.2f}",
                }
                text = (
                    _("settlement pass %(number)d credits %(money)s yuan (shares: %(shares)d)")
                    % given
                )
                yield Entry(row.done_at, _("system"), text)

    def _ended(self):
        packet = self.packet
        if packet.expend_time is not None:
            best = self.best
            text = _("all shares are gone after %(seconds)d s") % {"seconds": packet.expend_time}
            luck = _("best luck: %(user)s") % {"user": best.user_id} if best else ""
            last = max(share.update_time for share in self.taken)
            yield Entry(last, _("system"), text, "system", luck)
        elif self.state is PacketState.EXPIRED:
            given = {"taken": len(self.taken), "number": packet.number}
            text = _("the packet expires with %(taken)d of %(number)d taken") % given
            yield Entry(packet.expire_time, _("system"), text)
        for line in self.lines:
            if line.kind == LineKind.EXPIRY_REFUND:
                given = {"money": f"{line.amount:,.2f}", "user": packet.user_id}
                text = _("returns %(money)s yuan to the wallet of %(user)s") % given
                yield Entry(line.created_at, _("system"), text)
        if packet.closed_at:
            yield Entry(packet.closed_at, _("system"), _("closes the packet: never paid in time"))
        if packet.voided_at:
            text = _("voids the packet: the payment never arrived")
            yield Entry(packet.voided_at, _("system"), text)

    def _decided(self):
        for case in self.cases:
            text = _("opens a case: %(kind)s") % {"kind": case.get_kind_display()}
            yield Entry(case.created_at, _("system"), text, "system", told(case.says))
            if case.resolved_at:
                who = case.resolved_by.get_username() if case.resolved_by else _("system")
                yield Entry(
                    case.resolved_at, who, _("resolves the case"), "staff", told(case.resolution)
                )
        for refund in self.channel_refunds:
            given = {"money": f"{refund.amount:,.2f}"}
            maker, number = refund.maker, found(refund.refund_no)
            yield Entry(
                refund.proposed_at,
                maker.get_username() if maker else _("system"),
                _("proposes to send %(money)s yuan back through the channel") % given,
                "staff" if maker else "system",
                told(refund.reason),
            )
            if refund.decided_at and refund.checker:
                text = _("decides on the channel refund: %(status)s")
                text %= {"status": decision(refund)}
                who = refund.checker.get_username()
                yield Entry(refund.decided_at, who, text, "staff", number)
            if refund.done_at:
                who = PayType(refund.pay_type).label
                text = _("has sent %(money)s yuan back") % given
                yield Entry(refund.done_at, who, text, "channel", told(refund.answer))
