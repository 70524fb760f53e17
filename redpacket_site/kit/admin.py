"""What the admin pages share: money and history can be read, never edited."""

from decimal import Decimal

from django.contrib import admin
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from redpacket_site.kit.models import Event, IdempotencyRecord


class ReadOnly:
    """Nobody adds, changes or deletes, superusers included."""

    def has_add_permission(self, request, obj=None):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False


class ReadOnlyAdmin(ReadOnly, admin.ModelAdmin):
    """A list and a page; lists never count a big table."""

    show_full_result_count = False
    list_per_page = 50
    actions = None


class ReadOnlyInline(ReadOnly, admin.TabularInline):
    extra = 0
    can_delete = False
    show_change_link = False


def yuan(amount: Decimal | None) -> str:
    """An amount, right-aligned with two places."""
    return format_html('<span class="yuan">{}</span>', "-" if amount is None else f"{amount:,.2f}")


def badge(word: str, text: str) -> str:
    """A state: a colour and a word."""
    return format_html('<span class="badge badge-{}">{}</span>', word, text)


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    list_display = ["place", "type", "created_at", "data"]
    ordering = ["-pk"]
    search_fields = ["=place"]
    search_help_text = _("place")


@admin.register(IdempotencyRecord)
class IdempotencyRecordAdmin(ReadOnlyAdmin):
    list_display = ["caller", "key", "status", "created_at"]
    ordering = ["-pk"]
    search_fields = ["=caller"]
    search_help_text = _("user")
