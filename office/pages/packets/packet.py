"""What staff may read of packets. Untaken amounts, best luck and seed stay hidden from them, too,
until the packet is finished or expired (Spec 2.7; packet_story.py)."""

from django.contrib import admin
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kit import clock
from kit.telling import told
from office.export.sheets import Column
from office.frame.columns import found_column, money_column, shown_column, when_column, words_column
from office.frame.dossier import Page, Section, badge, found, moment, page_of, table, to, yuan
from office.frame.filters import AmountRangeFilter
from office.frame.find import Hit, finder
from office.frame.lists import DateRangeFilter
from office.pages.packets.acts import ACTS
from office.pages.packets.filters import PacketStateFilter
from office.pages.packets.story import Story
from office.readonly import ReadOnlyAdmin
from office.shown.accounts import account
from office.shown.packets import count_taken, reviewed, shown_state, state_badges
from office.shown.payments import case_rows, notice_outcome, order_rows, refund_rows
from packets.models import RedPacket
from packets.profiles import people
from packets.states import Kind
from payments.models import Notification
from wallets.models import LedgerLine


@admin.register(RedPacket)
class RedPacketAdmin(ReadOnlyAdmin):
    export_hidden = {"seed", "shares"}
    list_display = ["public_id", "total", "state", "sender", "made", "kind", "whom", "shares"]
    list_filter = [
        ("pay_status", PacketStateFilter),
        ("pay_time", DateRangeFilter),
        "type",
        "is_frozen",
        ("total_money", AmountRangeFilter),
    ]
    search_fields = ["public_id", "user_id", "for_id"]
    search_help_text = gettext_lazy("packet id, sender, or whom it is for")
    totals = {"total_money": gettext_lazy("total")}
    acts = ACTS
    sections = (reviewed,)

    def prepare(self, rows):
        count_taken(rows)

    def export_columns(self):
        taken = Column(_("taken"), lambda packet: packet.taken, "number")
        return [*super().export_columns(), taken]

    kind = words_column("type", gettext_lazy("kind"))
    sender = found_column("user_id", gettext_lazy("sender"))
    whom = shown_column(lambda packet: packet.for_id, gettext_lazy("for"))
    state = shown_column(shown_state, gettext_lazy("state"))
    total = money_column("total_money", gettext_lazy("total"))
    shares = shown_column(lambda packet: f"{packet.taken}/{packet.number}", gettext_lazy("taken"))
    made = when_column("add_time", gettext_lazy("made at"))

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
        is_exclusive = story.packet.type == Kind.EXCLUSIVE
        rows = []
        for share in story.shares:
            taker = known.get(share.user_id, {})
            if share.user_id:
                credit = (
                    badge("finished", _("credited"))
                    if share.is_into_account
                    else badge("awaiting", _("not credited yet"))
                )
            elif share.is_returned:
                credit = badge("expired", _("returned"))
            else:
                credit = badge("open", _("not taken yet")) if share.for_user else ""
            rows.append(
                [
                    share.position,
                    *([found(share.for_user)] if is_exclusive else []),
                    found(share.user_id),
                    taker.get("nickname") or "",
                    yuan(story.amount_of(share)),
                    _("best luck") if share == story.best else "",
                    credit,
                    moment(share.update_time, is_exact=True),
                ]
            )
        note = "" if story.is_over else _("Untaken amounts are hidden until the packet is over.")
        columns = [
            _("position"),
            *([_("for")] if is_exclusive else []),
            _("taker"),
            _("nickname"),
            _("amount"),
            _("luck"),
            _("state"),
            _("taken at"),
        ]
        return Section(_("Shares"), columns, rows, note=note, name="shares")

    @staticmethod
    def _payment(story):
        if story.orders:
            yield order_rows(story.orders)
        if story.notifications:
            cells = [
                (_("received at"), lambda notice: to(notice, moment(notice.created_at))),
                (_("channel"), Notification.get_pay_type_display),
                (_("outcome"), notice_outcome),
                (_("says"), lambda notice: told(notice.says)),
                (_("order number"), lambda notice: notice.order_no),
            ]
            yield table(_("Notifications"), story.notifications, cells, "notifications")
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
        cells = [
            (_("time"), lambda line: to(line, moment(line.created_at))),
            (_("kind"), LedgerLine.get_kind_display),
            (_("amount"), lambda line: yuan(line.amount)),
            (_("source"), lambda line: account(line.source)),
            (_("target"), lambda line: account(line.target)),
        ]
        return table(_("Ledger lines"), story.lines, cells, "lines")


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
