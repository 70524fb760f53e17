"""Why something was done, and to what. What a person wrote stays as it is; what the code itself
gives as a reason is a sentence of ours or a few facts, and told in the reader's language."""

from django.apps import apps
from django.contrib import admin
from django.utils.translation import gettext as _

from kit.marks import listed
from kit.telling import sentence, told
from office.frame.dossier import to
from office.frame.staff import EXPORT
from office.models import StaffAction
from office.shown import asked
from payments.states import CHANNELS

TOOK_UP = sentence("took up the invitation")
BY_THE_OLD_ONE = sentence("by the old password")
NOTICED = sentence("noticed at log-in")

_OURS = {"join", "change_own_password", "credentials_changed"}
_BILLS = {"run_bill", "upload_bill"}


def of(row: StaffAction) -> str:
    if row.action in _OURS:
        return told(row.reason)
    if row.action in _BILLS:
        word, _space, day = row.reason.partition(" ")
        label = next((str(channel.label) for channel in CHANNELS if channel.word == word), word)
        return f"{label} {day}"
    if row.action == EXPORT:
        format, _space, query = row.reason.partition(" ")
        words = asked.in_words(apps.get_model(row.model), query)
        return (
            listed([format.upper(), *words], "; ")
            if words
            else _("%(format)s, all rows") % {"format": format.upper()}
        )
    return row.reason


def named(row: StaffAction) -> str:
    """What it was done to; a bare number says of what."""
    if not row.subject.isdecimal():
        return row.subject
    return f"{apps.get_model(row.model)._meta.verbose_name} {row.subject}"


def on(row: StaffAction) -> str:
    """The same as the way to its page; an export was of many."""
    model = apps.get_model(row.model)
    has_page = row.key and admin.site.is_registered(model)
    return to(model(pk=row.key), named(row)) if has_page else named(row)
