"""What happened: staff's acts and log-ins, news for the chat, remembered answers."""

from django.apps import apps
from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from kit.models import Event, IdempotencyRecord, StaffAction, StaffEvent
from office import roles
from office.frame import actions
from office.frame.columns import when_column
from office.frame.dossier import Page, badge, found, moment, to
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
    export_told = {"action": lambda row: _what(row), "changes": lambda row: _changes(row)}
    search_fields = ["key", "user__username"]
    search_help_text = _("staff")

    at = when_column("created_at", _("time"))

    @admin.display(description=_("action"))
    def what(self, row):
        return _what(row)

    def page(self, request, row):
        return Page(
            sentence=_("%(user)s: %(action)s, %(subject)s.")
            % {"user": row.user, "action": self.what(row), "subject": row.subject},
            facts=[
                (_("staff"), row.user),
                (_("action"), self.what(row)),
                (_("on"), _on(row)),
                (_("reason"), row.reason),
                (_("address"), row.ip or "-"),
                (_("changes"), _changes(row)),
                (_("time"), moment(row.created_at)),
            ],
        )


# What `changes` of an action names, and what it says of it.
_NAMES = {
    "account": _("account"),
    "role": _("role"),
    "password": _("password"),
    "device": _("device"),
    "password or device": _("password or device"),
    "active": _("in use"),
}
_STATES = {
    "reset": _("reset"),
    "set": _("set"),
    "changed": _("changed"),
    True: _("yes"),
    False: _("no"),
    None: "-",
}


def _what(row: StaffAction) -> str:
    return str(actions.titles.get(row.action, row.action))


def _on(row: StaffAction) -> str:
    """The row that it was done to; an export was of many."""
    model = apps.get_model(row.model)
    has_page = row.key and admin.site.is_registered(model)
    return to(model(pk=row.key), row.subject) if has_page else row.subject


def _changes(row: StaffAction) -> str:
    """Before and after, in a line."""
    lines = [
        f"{_NAMES.get(name, name)}: {' → '.join(_said(name, each) for each in what)}"
        for name, given in (row.changes or {}).items()
        if given is not None
        for what in [given if isinstance(given, list) else [given]]
    ]
    return "; ".join(lines) or "-"


def _said(name: str, what: str | bool | None) -> str:
    if name == "account":
        return str(what)
    return roles.shown(what) if name == "role" else str(_STATES.get(what, what))


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
