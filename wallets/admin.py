from django.contrib import admin
from django.db.models import Q
from django.utils.html import format_html, format_html_join
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _

from redpacket_site.kit.admin import ReadOnlyAdmin, badge, yuan
from wallets import accounts, statement
from wallets.models import LedgerLine, Wallet

FLOW_LINES = 50


@admin.register(Wallet)
class WalletAdmin(ReadOnlyAdmin):
    list_display = ["user_id", "amount", "state", "created_at"]
    list_filter = ["is_frozen"]
    search_fields = ["=user_id"]
    search_help_text = _("user")
    ordering = ["pk"]
    fields = ["user_id", "amount", "state", "frozen_reason", "created_at", "flow"]

    @admin.display(description=_("balance"), ordering="balance")
    def amount(self, wallet):
        return yuan(wallet.balance)

    @admin.display(description=_("state"))
    def state(self, wallet):
        return badge("frozen", _("frozen")) if wallet.is_frozen else badge("open", _("in use"))

    @admin.display(description=_("flow"))
    def flow(self, wallet):
        entries = statement.flow(user_id=wallet.user_id, kind=None, before=None, limit=FLOW_LINES)[
            :FLOW_LINES
        ]
        rows = format_html_join(
            "",
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            (
                (localtime(e.time).strftime("%F %T"), e.title, yuan(e.money), e.packet or "")
                for e in entries
            ),
        )
        return format_html('<table class="flow">{}</table>', rows)


@admin.register(LedgerLine)
class LedgerLineAdmin(ReadOnlyAdmin):
    list_display = ["id", "kind", "reference", "source", "target", "money", "created_at"]
    search_fields = ["=reference"]  # see get_search_results
    search_help_text = _("reference, account (wallet:…, escrow:…) or user")
    ordering = ["-pk"]
    fields = ["id", "kind", "reference", "source", "target", "money", "note", "created_at"]

    @admin.display(description=_("amount"))
    def money(self, line):
        return yuan(line.amount)

    def get_search_results(self, request, queryset, search_term):
        """Each way to find a line has an index; a LIKE over millions has none."""
        word = search_term.strip()
        if not word:
            return queryset, False
        if not word.isascii():
            return queryset.none(), False
        account = word if ":" in word else accounts.wallet(word)
        by_reference = Q(pk__in=LedgerLine.objects.filter(reference=word).values("pk"))
        return queryset.filter(by_reference | Q(source=account) | Q(target=account)), False
