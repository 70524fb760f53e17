"""What happened: staff's acts and log-ins, news for the chat, remembered answers."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from kit.models import Event, IdempotencyRecord, StaffAction, StaffEvent
from office.frame import actions
from office.frame.columns import when_column
from office.frame.dossier import Page, badge, found, moment
from office.frame.lists import DateRangeFilter
from office.readonly import ReadOnlyAdmin


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    list_display = ["place", "type", "at", "data"]
    list_filter = [("created_at", DateRangeFilter)]
    search_fields = ["place"]
    search_help_text = _("place")

    at = when_column("created_at", _("time"))


@admin.register(IdempotencyRecord)
class IdempotencyRecordAdmin(ReadOnlyAdmin):
    export_hidden = {"body", "fingerprint"}
    list_display = ["caller", "key", "status", "at"]
    list_filter = [("created_at", DateRangeFilter)]
    search_fields = ["caller"]
    search_help_text = _("user")

    at = when_column("created_at", _("time"))

    def page(self, request, record):
        """Without the remembered answer: it holds the payer's parameters."""
        return Page(
            sentence=str(record),
            facts=[
                (_("user"), found(record.caller)),
                ("Idempotency-Key", record.key),
                ("HTTP", record.status),
                (_("time"), moment(record.created_at)),
            ],
        )


@admin.register(StaffAction)
class StaffActionAdmin(ReadOnlyAdmin):
    list_display = ["at", "user", "what", "subject", "reason", "ip"]
    list_display_links = ["at"]
    list_select_related = ["user"]
    list_filter = [("created_at", DateRangeFilter), "user"]
    search_fields = ["key", "user__username"]
    search_help_text = _("staff")

    at = when_column("created_at", _("time"))

    @admin.display(description=_("action"))
    def what(self, row):
        return actions.titles.get(row.action, row.action)

    def page(self, request, row):
        return Page(
            sentence=_("%(user)s: %(action)s, %(subject)s.")
            % {"user": row.user, "action": self.what(row), "subject": row.subject},
            facts=[
                (_("staff"), row.user),
                (_("action"), self.what(row)),
                (_("on"), found(row.subject)),
                (_("reason"), row.reason),
                (_("address"), row.ip or "-"),
                (_("changes"), _changes(row)),
                (_("time"), moment(row.created_at)),
            ],
        )


def _changes(row: StaffAction) -> str:
    """Before and after, in a line."""
    lines = [
        f"{name}: {' → '.join(map(str, what)) if isinstance(what, list) else what}"
        for name, what in (row.changes or {}).items()
        if what is not None
    ]
    return "; ".join(lines) or "-"


@admin.register(StaffEvent)
class StaffEventAdmin(ReadOnlyAdmin):
    list_display = ["at", "shown_kind", "username", "ip", "agent"]
    list_filter = [("created_at", DateRangeFilter), "kind"]
    search_fields = ["username"]
    search_help_text = _("name given")

    at = when_column("created_at", _("time"))

    @admin.display(description=_("event"))
    def shown_kind(self, row):
        return badge(f"event-{row.kind}", row.get_kind_display())

    def page(self, request, row):
        return Page(
            sentence=f"{row.get_kind_display()}: {row.username}",
            facts=[
                (_("name given"), row.username),
                (_("address"), row.ip or "-"),
                (_("browser"), row.agent),
                (_("time"), moment(row.created_at)),
            ],
        )
