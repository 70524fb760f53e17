"""What staff may read of packets. Untaken amounts, best luck and seed stay hidden from them, too,
until the packet is finished or expired (Spec 2.7; packet_story.py)."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from kit import clock
from kit.marks import listed
from kit.telling import told
from office.export.sheets import Column
from office.frame.columns import cells, facts, shown_column
from office.frame.dossier import Page, Section, found, moment, page_of, table, to, yuan
from office.frame.filters import AmountRangeFilter, DateRangeFilter
from office.frame.find import Hit, finder
from office.pages.packets.acts import ACTS
from office.pages.packets.filters import PacketStateFilter
from office.pages.packets.story import Story
from office.readonly import ReadOnlyAdmin
from office.shown.accounts import account
from office.shown.packets import count_taken, reviewed, share_state, shown_state, state_badges
from office.shown.payments import case_rows, notice_outcome, order_rows, refund_rows
from packets.models import RedPacket, SettlementPass, Share
from packets.profiles import people
from packets.states import Kind
from payments.models import Notification
from wallets.models import LedgerLine


@admin.register(RedPacket)
class RedPacketAdmin(ReadOnlyAdmin):
    export_hidden = {"seed", "shares"}
    list_display = ["public_id", "total_money", "state", "user_id", "add_time"]
    list_display += ["type", "whom", "shares"]
    list_filter = [
        ("pay_status", PacketStateFilter),
        ("pay_time", DateRangeFilter),
        "type",
        "is_frozen",
        ("total_money", AmountRangeFilter),
    ]
    search_fields = ["public_id", "user_id", "for_id"]
    search_help_text = _("packet id, sender, or whom it is for")
    totals = {"total_money": _("total")}
    acts = ACTS
    sections = (reviewed,)

    def prepare(self, rows):
        count_taken(rows)

    def export_columns(self):
        taken = Column(_("taken"), lambda packet: packet.taken, "number")
        return [*super().export_columns(), taken]

    whom = shown_column(lambda packet: packet.for_id, _("for"))
    state = shown_column(shown_state, _("state"))
    shares = shown_column(lambda packet: f"{packet.taken}/{packet.number}", _("taken"))

    def page(self, request, packet):
        story = Story(packet, clock.now())
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
        told = [
            *facts(packet, "public_id"),
            (_("internal id"), packet.pk),
            *facts(packet, "type", "user_id", "for_id", "intro", "pay_status", "pay_type"),
            (_("trade number"), found(packet.trade_no)),
            *facts(packet, "add_time", "pay_time", "expire_time"),
        ]
        if packet.expend_time is not None:
            told += facts(packet, "expend_time")
        if packet.type != Kind.LUCKY:
            return told + facts(packet, "single_money")
        seed = packet.seed if story.is_over else _("hidden until it is over")
        return [*told, *facts(packet, "commitment"), (_("seed"), seed)]

    @staticmethod
    def _shares(story):
        known = people(share.user_id for share in story.taken)
        best = story.best
        columns = [
            *cells(Share, "position"),
            *(cells(Share, "for_user") if story.packet.type == Kind.EXCLUSIVE else ()),
            *cells(Share, "user_id"),
            (_("nickname"), lambda share: known.get(share.user_id, {}).get("nickname") or ""),
            (_("amount"), lambda share: yuan(story.amount_of(share))),
            (_("luck"), lambda share: _("best luck") if share == best else ""),
            (_("state"), share_state),
            (_("taken at"), lambda share: moment(share.update_time, is_exact=True)),
        ]
        section = table(_("Shares"), story.shares, columns, "shares")
        if not story.is_over:
            section.note = _("Untaken amounts are hidden until the packet is over.")
        return section

    @staticmethod
    def _payment(story):
        if story.orders:
            yield order_rows(story.orders)
        if story.notifications:
            columns = [
                (_("received at"), lambda notice: to(notice, moment(notice.created_at))),
                *cells(Notification, "pay_type"),
                (_("outcome"), notice_outcome),
                (_("says"), lambda notice: told(notice.says)),
                (_("order number"), lambda notice: notice.order_no),
            ]
            yield table(_("Notifications"), story.notifications, columns, "notifications")
        if story.cases:
            yield case_rows(story.cases)
        if story.channel_refunds:
            yield refund_rows(story.channel_refunds)

    @staticmethod
    def _passes(story):
        columns = [
            *cells(SettlementPass, "number", "due_at", "done_at"),
            (_("shares"), lambda row: row.shares),
            (_("amount"), lambda row: yuan(row.money)),
        ]
        return table(_("Settlement passes"), story.passes, columns, "passes")

    @staticmethod
    def _lines(story):
        columns = [
            (_("time"), lambda line: to(line, moment(line.created_at))),
            *cells(LedgerLine, "kind", "amount"),
            (_("source"), lambda line: account(line.source)),
            (_("target"), lambda line: account(line.target)),
        ]
        return table(_("Ledger lines"), story.lines, columns, "lines")


@finder(_("red packets"), "packets.view_redpacket")
def packets(word):
    """By public id, internal id, or the account that holds its money."""
    public_id = word.removeprefix("escrow:")
    found_rows = list(RedPacket.objects.filter(public_id=public_id))
    if word.isdigit() and len(word) < 19:
        found_rows += RedPacket.objects.filter(pk=int(word))
    for packet in found_rows:
        note = listed([packet.user_id, packet.get_type_display(), f"{packet.total_money:,.2f}"])
        yield Hit(page_of(packet), packet.public_id, note)
