"""What staff may read of packets. Untaken amounts, best luck and seed stay hidden from them, too,
until the packet is finished or expired (Spec 2.7; story.py)."""

from django.contrib import admin
from django.db.models import Count
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from office.export.sheets import Column
from office.frame.find import Hit, finder
from office.pages.packet_story import Story
from office.pages.packets_acts import ACTS, REVIEW_ACTS
from office.pages.payments import (
    PaymentOrderAdmin,
    case_rows,
    notice_outcome,
    order_rows,
    refund_rows,
)
from office.pages.wallets import WalletAdmin, account
from office.readonly import (
    AgeFilter,
    AmountRangeFilter,
    DateRangeFilter,
    Page,
    ReadOnlyAdmin,
    Section,
    badge,
    done_to,
    found,
    in_order,
    link,
    list_of,
    moment,
    page_of,
    yuan,
)
from packets.models import GroupMember, Profile, RedPacket, RefundReview, Share
from packets.profiles import people
from packets.states import Kind, PacketState, PayStatus, ReviewState, state_of
from wallets.models import LedgerLine, Wallet
from wallets.states import LineKind

STATE_WORDS = {
    PacketState.UNPAID: gettext_lazy("unpaid"),
    PacketState.OPEN: gettext_lazy("open"),
    PacketState.FINISHED: gettext_lazy("finished"),
    PacketState.EXPIRED: gettext_lazy("expired"),
    PacketState.VOID: gettext_lazy("void"),
    PacketState.CLOSED: gettext_lazy("closed"),
}
LATEST = 20


def state_badges(packet: RedPacket, state: PacketState) -> list:
    badges = [badge(state.value, STATE_WORDS[state])]
    if packet.pay_status == PayStatus.AWAITING and not packet.voided_at:
        badges.append(badge("awaiting", PayStatus.AWAITING.label))
    if packet.is_frozen:
        badges.append(badge("frozen", _("frozen")))
    return badges


def count_taken(packets: list[RedPacket]) -> None:
    """Give each packet `taken`, the number of its taken shares: one query for a page of them."""
    counted = dict(
        Share.objects.filter(rp__in=[packet.pk for packet in packets], user_id__isnull=False)
        .values("rp")
        .annotate(n=Count("pk"))
        .values_list("rp", "n")
    )
    for packet in packets:
        packet.taken = counted.get(packet.pk, 0)


def shown_state(packet: RedPacket) -> str:
    state = state_of(packet, packet.taken, timezone.now())
    return format_html_join(" ", "{}", ((mark,) for mark in state_badges(packet, state)))


@admin.register(RedPacket)
class RedPacketAdmin(ReadOnlyAdmin):
    export_hidden = {"seed"}
    list_display = ["public_id", "kind", "sender", "whom", "total", "shares", "state", "made"]
    list_filter = [("pay_time", DateRangeFilter), "pay_status"]
    search_fields = ["public_id", "user_id"]
    search_help_text = gettext_lazy("packet id or sender")
    totals = {"total_money": gettext_lazy("total")}
    acts = ACTS
    sections = []

    def prepare(self, rows):
        count_taken(rows)

    def export_columns(self):
        taken = Column(_("taken"), lambda packet: packet.taken, "number")
        return [*super().export_columns(), taken]

    @admin.display(description=gettext_lazy("kind"))
    def kind(self, packet):
        return packet.get_type_display()

    @admin.display(description=gettext_lazy("sender"))
    def sender(self, packet):
        return found(packet.user_id)

    @admin.display(description=gettext_lazy("for"))
    def whom(self, packet):
        return packet.for_id

    @admin.display(description=gettext_lazy("state"))
    def state(self, packet):
        return shown_state(packet)

    @admin.display(description=gettext_lazy("total"))
    def total(self, packet):
        return yuan(packet.total_money)

    @admin.display(description=gettext_lazy("taken"))
    def shares(self, packet):
        return f"{packet.taken}/{packet.number}"

    @admin.display(description=gettext_lazy("made at"))
    def made(self, packet):
        return moment(packet.add_time)

    def page(self, request, packet):
        story = Story(packet, timezone.now())
        page = Page(
            sentence=story.sentence(),
            badges=state_badges(packet, story.state),
            bar=story.bar(),
            facts=self._facts(packet, story),
            sections=[self._shares(story), *self._payment(story)],
        )
        if packet.is_frozen:
            page.warnings = [_("Frozen: %(reason)s") % {"reason": packet.frozen_reason or "-"}]
        if story.passes:
            page.sections.append(self._passes(story))
        page.sections += [
            Section(_("Timeline"), entries=story.timeline(), name="timeline"),
            self._lines(story),
        ]
        return page

    @staticmethod
    def _facts(packet, story):
        facts = [
            (_("packet id"), packet.public_id),
            (_("internal id"), packet.pk),
            (_("kind"), packet.get_type_display()),
            (_("sender"), found(packet.user_id)),
            (_("for"), found(packet.for_id)),
            (_("greeting"), packet.intro),
            (_("payment"), packet.get_pay_status_display()),
            (_("paid by"), packet.get_pay_type_display()),
            (_("trade number"), found(packet.trade_no)),
            (_("made at"), moment(packet.add_time)),
            (_("issued at"), moment(packet.pay_time)),
            (_("expires at"), moment(packet.expire_time)),
        ]
        if packet.expend_time is not None:
            facts.append((_("gone in (s)"), packet.expend_time))
        if packet.type == Kind.LUCKY:
            facts += [
                (_("commitment"), packet.commitment or "-"),
                (_("seed"), packet.seed if story.is_over else _("hidden until it is over")),
            ]
        else:
            facts.append((_("one share"), yuan(packet.single_money)))
        return facts

    @staticmethod
    def _shares(story):
        known = people(share.user_id for share in story.taken)
        rows = []
        for share in story.shares:
            taker = known.get(share.user_id, {})
            if share.user_id:
                credit = (
                    badge("finished", _("credited"))
                    if share.is_into_account
                    else badge("awaiting", _("not credited yet"))
                )
            else:
                credit = badge("expired", _("returned")) if share.is_returned else ""
            rows.append(
                [
                    share.position,
                    found(share.user_id),
                    taker.get("nickname") or "",
                    yuan(story.amount_of(share)),
                    _("best luck") if share == story.best else "",
                    credit,
                    moment(share.update_time),
                ]
            )
        note = "" if story.is_over else _("Untaken amounts are hidden until the packet is over.")
        columns = [
            _("position"),
            _("taker"),
            _("nickname"),
            _("amount"),
            _("luck"),
            "",
            _("taken at"),
        ]
        return Section(_("Shares"), columns, rows, note=note, name="shares")

    @staticmethod
    def _payment(story):
        if story.orders:
            yield order_rows(story.orders)
        if story.notifications:
            yield Section(
                _("Notifications"),
                [_("received at"), _("channel"), _("outcome"), _("says"), _("order number")],
                [
                    [
                        link(page_of(n), moment(n.created_at)),
                        n.get_pay_type_display(),
                        notice_outcome(n),
                        n.says,
                        n.order_no,
                    ]
                    for n in story.notifications
                ],
                name="notifications",
            )
        if story.cases:
            yield case_rows(story.cases)
        if story.channel_refunds:
            yield refund_rows(story.channel_refunds)

    @staticmethod
    def _passes(story):
        columns = [_("pass"), _("due at"), _("done at"), _("shares"), _("amount")]
        rows = [
            [row.number, moment(row.due_at), moment(row.done_at), row.shares, yuan(row.money)]
            for row in story.passes
        ]
        return Section(_("Settlement passes"), columns, rows, name="passes")

    @staticmethod
    def _lines(story):
        columns = [_("time"), _("kind"), _("source"), _("target"), _("amount")]
        rows = [
            [
                link(page_of(line), moment(line.created_at)),
                line.get_kind_display(),
                account(line.source),
                account(line.target),
                yuan(line.amount),
            ]
            for line in story.lines
        ]
        return Section(_("Ledger lines"), columns, rows, name="lines")


_REVIEW_TONES = {
    ReviewState.OPEN: "awaiting",
    ReviewState.REVIEWED: "open",
    ReviewState.DISPUTED: "void",
    ReviewState.SETTLED: "finished",
}


def review_state(row) -> str:
    return badge(_REVIEW_TONES[row.state], row.get_state_display())


def review_rows(title, rows, name: str) -> Section:
    columns = [_("refund"), _("state"), _("amount"), _("refunded at"), _("decided by"), _("note")]
    disputed = [row for row in rows if row.state == ReviewState.DISPUTED]
    cells = [
        [
            link(page_of(row), row.packet.public_id),
            review_state(row),
            yuan(row.amount),
            moment(row.created_at),
            row.decided_by or "-",
            row.note or "-",
        ]
        for row in rows
    ]
    warning = _("Disputed refund: %(note)s") % {"note": disputed[0].note} if disputed else ""
    return Section(title, columns, cells, name=name, warning=warning)


@admin.register(RefundReview)
class RefundReviewAdmin(ReadOnlyAdmin):
    list_display = ["public_id", "review", "sender", "money", "channel", "at", "decided", "note"]
    list_filter = [
        "state",
        ("created_at", AgeFilter),
        ("created_at", DateRangeFilter),
        "pay_type",
        ("amount", AmountRangeFilter),
    ]
    list_select_related = ["packet", "decided_by"]
    search_fields = ["user_id", "packet__public_id"]
    search_help_text = gettext_lazy("sender or packet id")
    totals = {"amount": gettext_lazy("amount")}
    acts = REVIEW_ACTS
    sections = []

    @admin.display(description=gettext_lazy("packet id"))
    def public_id(self, row):
        return row.packet.public_id

    @admin.display(description=gettext_lazy("state"))
    def review(self, row):
        return review_state(row)

    @admin.display(description=gettext_lazy("sender"))
    def sender(self, row):
        return found(row.user_id)

    @admin.display(description=gettext_lazy("amount"))
    def money(self, row):
        return yuan(row.amount)

    @admin.display(description=gettext_lazy("paid by"))
    def channel(self, row):
        return row.get_pay_type_display()

    @admin.display(description=gettext_lazy("refunded at"))
    def at(self, row):
        return moment(row.created_at)

    @admin.display(description=gettext_lazy("decided by"))
    def decided(self, row):
        return row.decided_by or "-"

    def page(self, request, row):
        told = {"money": f"{row.amount:,.2f}", "user": row.user_id}
        lines = LedgerLine.objects.filter(
            kind=LineKind.EXPIRY_REFUND, reference=row.packet.public_id
        )
        page = Page(
            sentence=_("%(money)s yuan of an expired packet went back to %(user)s.") % told,
            badges=[review_state(row)],
            facts=[
                (_("packet id"), link(page_of(row.packet), row.packet.public_id)),
                (_("sender"), found(row.user_id)),
                (_("amount"), yuan(row.amount)),
                (_("of a packet of"), yuan(row.packet.total_money)),
                (_("paid by"), row.get_pay_type_display()),
                (_("refunded at"), moment(row.created_at)),
                (_("decided by"), row.decided_by or "-"),
                (_("decided at"), moment(row.decided_at)),
                *((_("ledger line"), link(page_of(line), line.pk)) for line in lines),
            ],
        )
        if row.state == ReviewState.DISPUTED:
            page.warnings = [_("Disputed refund: %(note)s") % {"note": row.note}]
        if done := in_order(done_to(row)):
            page.sections.append(Section(_("What staff did"), entries=done, name="staff"))
        return page


def packet_rows(title, packets: list[RedPacket], name: str) -> Section:
    count_taken(packets)
    columns = [
        _("packet id"),
        _("kind"),
        _("sender"),
        _("total"),
        _("taken"),
        _("state"),
        _("made at"),
    ]
    rows = [
        [
            link(page_of(packet), packet.public_id),
            packet.get_type_display(),
            found(packet.user_id),
            yuan(packet.total_money),
            f"{packet.taken}/{packet.number}",
            shown_state(packet),
            moment(packet.add_time),
        ]
        for packet in packets
    ]
    return Section(title, columns, rows, name=name)


def _may_view(request) -> bool:
    return request.user.has_perm("packets.view_redpacket")


def _sent(request, wallet):
    """On a wallet's page: the packets that its owner sent last."""
    if not _may_view(request):
        return None
    sent = RedPacket.objects.filter(user_id=wallet.user_id).order_by("-add_time")[:LATEST]
    return packet_rows(_("Packets sent (latest)"), list(sent), "sent")


def _taken(request, wallet):
    """On a wallet's page: the shares that its owner took last."""
    if not _may_view(request):
        return None
    taken = Share.objects.filter(user_id=wallet.user_id).order_by("-update_time")
    rows = [
        [
            link(page_of(share.rp), share.rp.public_id),
            found(share.rp.user_id),
            yuan(share.money),
            badge("finished", _("credited"))
            if share.is_into_account
            else badge("awaiting", _("not credited yet")),
            moment(share.update_time),
        ]
        for share in taken.select_related("rp")[:LATEST]
    ]
    columns = [_("packet id"), _("sender"), _("amount"), "", _("taken at")]
    return Section(_("Packets taken (latest)"), columns, rows, name="taken")


def _reviewed(request, packet):
    """On a packet's page: how far finance is with its refund."""
    if not packet.return_money:
        return None
    rows = RefundReview.objects.filter(packet=packet).select_related("packet", "decided_by")
    return _of_refunds(request, _("Refund review"), list(rows))


def _disputed(request, wallet):
    """On a wallet's page: its owner's refunds that finance disputes."""
    rows = RefundReview.objects.filter(user_id=wallet.user_id, state=ReviewState.DISPUTED)
    rows = rows.select_related("packet", "decided_by").order_by("-pk")[:LATEST]
    return _of_refunds(request, _("Disputed refunds"), list(rows))


def _of_refunds(request, title, rows):
    """A dispute is shown to whoever sees the page; its queue opens for finance alone."""
    if not rows:
        return None
    section = review_rows(title, rows, "review")
    if not request.user.has_perm("packets.view_refundreview"):
        numbers = [row.packet.public_id for row in rows]
        section.rows = [
            [number, *cells[1:]] for number, cells in zip(numbers, section.rows, strict=True)
        ]
    return section


def _paid_for(request, order):
    """On an order's page: the packet that it pays."""
    if order.purpose != "packet" or not _may_view(request):
        return None
    packets = list(RedPacket.objects.filter(public_id=order.reference))
    return packet_rows(_("Red packet"), packets, "packet")


WalletAdmin.sections += [_disputed, _sent, _taken]
RedPacketAdmin.sections.append(_reviewed)
PaymentOrderAdmin.sections.append(_paid_for)


@finder(gettext_lazy("red packets"), "packets.view_redpacket")
def packets(word):
    """By public id, internal id, or the account that holds its money."""
    public_id = word.removeprefix("escrow:")
    found_rows = list(RedPacket.objects.filter(public_id=public_id))
    if word.isdigit() and len(word) < 19:
        found_rows += RedPacket.objects.filter(pk=int(word))
    for packet in found_rows:
        note = f"{packet.user_id}, {packet.get_type_display()}, {packet.total_money:,.2f}"
        yield Hit(page_of(packet), packet.public_id, note)


@finder(gettext_lazy("users without a wallet"), "wallets.view_wallet")
def users(word):
    """Who sent, took or is called something, though no money ever moved."""
    if Wallet.objects.filter(user_id=word).exists():
        return
    known = (
        Profile.objects.filter(user_id=word),
        Share.objects.filter(user_id=word),
        RedPacket.objects.filter(user_id=word),
    )
    if any(rows.exists() for rows in known):
        yield Hit(page_of(Wallet(user_id=word)), word)


@finder(gettext_lazy("groups"), "packets.view_groupmember")
def groups(word):
    members = GroupMember.objects.filter(group_id=word)
    if members.exists():
        query = urlencode({"q": word})
        yield Hit(f"{list_of(GroupMember)}?{query}", word, _("members of the group"))


@admin.register(GroupMember)
class GroupMemberAdmin(ReadOnlyAdmin):
    list_display = ["group_id", "user"]
    search_fields = ["group_id"]
    search_help_text = gettext_lazy("group")

    @admin.display(description=gettext_lazy("user"))
    def user(self, member):
        return found(member.user_id)


@admin.register(Profile)
class ProfileAdmin(ReadOnlyAdmin):
    list_display = ["user_id", "nickname", "avatar"]
    search_fields = ["user_id"]
    search_help_text = gettext_lazy("user")
    ordering = ["pk"]
