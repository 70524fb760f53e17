"""What staff may read of packets. Untaken amounts, best luck and seed stay hidden from them, too,
until the packet is finished or expired (Spec 2.7)."""

from django.contrib import admin
from django.db.models import Count, Q
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _

from packets.models import GroupMember, Profile, RedPacket, Share
from packets.states import PacketState, state_of
from redpacket_site.kit.admin import ReadOnlyAdmin, ReadOnlyInline, badge, yuan
from wallets import accounts
from wallets.models import LedgerLine

STATE_WORDS = {
    PacketState.UNPAID: _("unpaid"),
    PacketState.OPEN: _("open"),
    PacketState.FINISHED: _("finished"),
    PacketState.EXPIRED: _("expired"),
    PacketState.VOID: _("void"),
    PacketState.CLOSED: _("closed"),
}


def _state(packet: RedPacket) -> PacketState:
    taken = getattr(packet, "taken", None)
    if taken is None:
        taken = packet.taken = packet.shares.filter(user_id__isnull=False).count()
    return state_of(packet, taken, timezone.now())


def _is_over(packet: RedPacket) -> bool:
    return _state(packet) in (PacketState.FINISHED, PacketState.EXPIRED)


class ShareInline(ReadOnlyInline):
    model = Share
    fields = ["position", "user_id", "amount", "luck", "is_into_account", "is_returned", "taken_at"]
    readonly_fields = ["amount", "luck", "taken_at"]
    ordering = ["position"]

    @admin.display(description=_("amount"))
    def amount(self, share):
        return yuan(share.money if share.user_id or _is_over(share.rp) else None)

    @admin.display(description=_("best luck"))
    def luck(self, share):
        return _("best luck") if share.is_good and _is_over(share.rp) else ""

    @admin.display(description=_("taken at"))
    def taken_at(self, share):
        return share.update_time


@admin.register(RedPacket)
class RedPacketAdmin(ReadOnlyAdmin):
    list_display = ["public_id", "type", "user_id", "for_id", "total", "shown_state", "add_time"]
    list_filter = ["pay_status"]
    search_fields = ["=public_id", "=user_id"]
    search_help_text = _("packet id or sender")
    ordering = ["-pk"]
    inlines = [ShareInline]
    fieldsets = [
        (None, {"fields": ["public_id", "shown_state", "type", "user_id", "for_id", "intro"]}),
        (
            _("Money"),
            {"fields": ["total", "one_share", "number", "returned", "pay_status", "pay_type"]},
        ),
        (
            _("Times"),
            {"fields": ["add_time", "pay_time", "expire_time", "expend_time", "is_cli_handle"]},
        ),
        (_("Draw"), {"fields": ["commitment", "shown_seed"]}),
        (_("Ledger lines"), {"fields": ["lines"]}),
    ]

    def get_queryset(self, request):
        taken = Count("shares", filter=Q(shares__user_id__isnull=False))
        return super().get_queryset(request).annotate(taken=taken)

    @admin.display(description=_("state"))
    def shown_state(self, packet):
        if packet.is_frozen:
            return badge("frozen", _("frozen"))
        state = _state(packet)
        return badge(state.value, STATE_WORDS[state])

    @admin.display(description=_("total"))
    def total(self, packet):
        return yuan(packet.total_money)

    @admin.display(description=_("one share"))
    def one_share(self, packet):
        return yuan(packet.single_money or None)

    @admin.display(description=_("returned"))
    def returned(self, packet):
        return yuan(packet.return_money)

    @admin.display(description=_("seed"))
    def shown_seed(self, packet):
        return packet.seed if packet.seed and _is_over(packet) else "-"

    @admin.display(description=_("Ledger lines"))
    def lines(self, packet):
        account = accounts.escrow(packet.public_id)
        found = sorted(
            [
                *LedgerLine.objects.filter(source=account),
                *LedgerLine.objects.filter(target=account),
            ],
            key=lambda line: line.pk,
        )
        rows = format_html_join(
            "",
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            (
                (
                    timezone.localtime(line.created_at).strftime("%F %T"),
                    line.get_kind_display(),
                    line.source,
                    line.target,
                    yuan(line.amount),
                )
                for line in found
            ),
        )
        return format_html('<table class="flow">{}</table>', rows)


@admin.register(GroupMember)
class GroupMemberAdmin(ReadOnlyAdmin):
    list_display = ["group_id", "user_id"]
    search_fields = ["=group_id"]
    search_help_text = _("group")
    ordering = ["pk"]


@admin.register(Profile)
class ProfileAdmin(ReadOnlyAdmin):
    list_display = ["user_id", "nickname", "avatar"]
    search_fields = ["=user_id"]
    search_help_text = _("user")
    ordering = ["pk"]
