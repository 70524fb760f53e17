"""What happened: staff's acts and log-ins, news for the chat, remembered answers."""

import json

from django.contrib import admin
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _

from kit.marks import labelled, listed
from kit.models import Event, IdempotencyRecord
from office import roles
from office.frame import actions
from office.frame.columns import facts, shown_column, worded
from office.frame.dossier import Page, Section, badge, found, moment, page_of
from office.frame.filters import ChoiceFilter, DateRangeFilter
from office.frame.find import SHOWN, Hit, finder
from office.models import StaffAction, StaffEvent
from office.readonly import ReadOnlyAdmin
from office.shown import reasons
from packets.models import RedPacket
from payments.models import PaymentOrder
from wallets.models import Wallet

NEWS = {
    "packet.issued": _("a packet was issued"),
    "packet.grabbed": _("a share was taken"),
    "packet.finished": _("all shares are gone"),
    "packet.expired": _("a packet expired"),
    "packet.voided": _("a packet was voided"),
    "topup.confirmed": _("a top-up arrived"),
}


def _about(event) -> str:
    return event.data.get("packet") or event.data.get("order_no") or ""


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    list_display = ["number", "news", "about", "at"]
    export_told = worded(type=lambda word: NEWS.get(word, word))
    list_filter = [("created_at", DateRangeFilter)]
    search_fields = ["place"]
    search_help_text = _("number")

    at = shown_column(lambda event: moment(event.created_at), _("time"), "created_at")
    number = shown_column(lambda event: event.place or "-", _("number"))
    news = shown_column(lambda event: NEWS.get(event.type, event.type), _("what happened"))
    about = shown_column(lambda event: found(_about(event)), _("packet or order"))

    def name_of(self, event):
        return str(event.place or event.pk)

    def page(self, request, event):
        body = json.dumps(event.data, ensure_ascii=False, indent=2)
        return Page(
            sentence=NEWS.get(event.type, event.type),
            facts=[
                (_("number"), event.place or "-"),
                (_("packet or order"), found(_about(event))),
                (_("time"), moment(event.created_at)),
            ],
            sections=[Section(_("as the chat server reads it"), raw=f"{event.type}\n{body}")],
        )


@finder(_("requests"), "wallets.view_wallet")
def requests(word):
    """What a request that moved money did, as long as its answer is remembered: it leads to what
    came of it, else to who sent it."""
    for record in IdempotencyRecord.objects.filter(request_id=word)[:SHOWN]:
        told = record.body if isinstance(record.body, dict) else {}
        packet = RedPacket.objects.filter(public_id=told.get("id") or "").first()
        order = PaymentOrder.objects.filter(order_no=told.get("order_no") or "").first()
        row = packet or order or Wallet(user_id=record.caller)
        yield Hit(
            page_of(row), str(row), listed([record.caller, f"{localtime(record.created_at):%F %T}"])
        )


@admin.register(IdempotencyRecord)
class IdempotencyRecordAdmin(ReadOnlyAdmin):
    export_hidden = {"body", "fingerprint"}
    list_display = ["caller", "key", "status", "at"]
    list_filter = [("created_at", DateRangeFilter)]
    search_fields = ["caller"]
    search_help_text = _("user")

    at = shown_column(lambda record: moment(record.created_at), _("time"), "created_at")

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


class ActionFilter(ChoiceFilter):
    template = "admin/select_filter.html"

    def words(self):
        return dict(sorted(actions.titles.items(), key=lambda item: str(item[1])))


@admin.register(StaffAction)
class StaffActionAdmin(ReadOnlyAdmin):
    export_hidden = {"model", "key"}
    list_display = ["created_at", "user", "what", "named", "why", "ip"]
    list_select_related = ["user"]
    list_filter = [("created_at", DateRangeFilter), ("action", ActionFilter), "user"]
    export_told = {
        "action": lambda row: _what(row),
        "reason": lambda row: reasons.of(row),
        "changes": lambda row: _changes(row),
    }
    search_fields = ["key", "user__username"]
    search_help_text = _("staff")

    what = shown_column(lambda row: _what(row), _("action"))
    named = shown_column(reasons.named, _("on"), "subject")
    why = shown_column(reasons.of, _("reason"))

    def page(self, request, row):
        return Page(
            sentence=_("%(user)s: %(action)s, %(subject)s.")
            % {"user": row.user, "action": self.what(row), "subject": reasons.named(row)},
            facts=[
                *facts(row, "user"),
                (_("action"), self.what(row)),
                (_("on"), reasons.on(row)),
                (_("reason"), reasons.of(row)),
                *facts(row, "ip"),
                (_("changes"), _changes(row)),
                *facts(row, "created_at"),
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


def _changes(row: StaffAction) -> str:
    """Before and after, in a line."""
    if isinstance(row.changes, str):  # a pseudonym: they named somebody who was erased
        return row.changes
    lines = [
        labelled(_NAMES.get(name, name), " → ".join(_said(name, each) for each in what))
        for name, given in (row.changes or {}).items()
        if given is not None
        for what in [given if isinstance(given, list) else [given]]
    ]
    return listed(lines, "; ") or "-"


def _said(name: str, what: str | bool | None) -> str:
    if name == "account":
        return str(what)
    return roles.shown(what) if name == "role" else str(_STATES.get(what, what))


@admin.register(StaffEvent)
class StaffEventAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "shown_kind", "username", "ip", "agent"]
    list_filter = [("created_at", DateRangeFilter), "kind"]
    search_fields = ["username"]
    search_help_text = _("name given")

    shown_kind = shown_column(
        lambda row: badge(f"event-{row.kind}", row.get_kind_display()), _("event")
    )

    def name_of(self, row):
        return row.username

    def page(self, request, row):
        return Page(
            sentence=labelled(row.get_kind_display(), row.username),
            facts=facts(row, "username", "ip", "agent", "created_at"),
        )
