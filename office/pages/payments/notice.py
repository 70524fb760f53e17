"""What channels sent, as it came."""

import json

from django.contrib import admin
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kit.telling import told
from office.frame.columns import (
    found_column,
    shown_column,
    told_column,
    when_column,
    worded,
    words_column,
)
from office.frame.dossier import Page, Section, found, moment, page_of
from office.frame.filters import OrderedChoiceFilter
from office.frame.find import Hit, finder
from office.frame.lists import DateRangeFilter
from office.readonly import ReadOnlyAdmin
from office.shown.payments import NOTICE_WORDS, notice_outcome, outcome_of, repeating
from payments import raw
from payments.models import Notification


def _strangers_facts(notice) -> list[tuple]:
    """Of what nobody verified a head is all that was kept."""
    if notice.size is None:
        return []
    return [
        (_("address"), notice.address or "-"),
        (_("bytes"), notice.size),
        ("SHA-256", notice.digest),
    ]


def notice_section(notice) -> Section:
    headers = json.dumps(raw.masked(notice.headers), ensure_ascii=False, indent=2)
    return Section(
        _("Notification %(number)d: %(outcome)s")
        % {"number": notice.pk, "outcome": outcome_of(notice)},
        raw=f"{headers}\n\n{raw.pretty(notice.body)}"
        if notice.headers
        else raw.pretty(notice.body),
        note=moment(notice.created_at),
        name=f"notice-{notice.pk}",
    )


class OutcomeFilter(OrderedChoiceFilter):
    ordered_by = "created_at"

    def words(self):
        return {outcome.value: words for outcome, words in NOTICE_WORDS.items()}


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    export_hidden = {"headers"}
    list_display = ["at", "channel", "shown_outcome", "said", "order", "trade_no"]
    list_filter = [("outcome", OutcomeFilter), ("created_at", DateRangeFilter)]
    export_told = worded(says=told, outcome=lambda word: NOTICE_WORDS.get(word, word))
    search_fields = ["order_no", "trade_no"]
    search_help_text = gettext_lazy("order number or trade number")

    def get_queryset(self, request):
        return super().get_queryset(request).defer("body", "headers")

    at = when_column("created_at", gettext_lazy("received at"))
    channel = words_column("pay_type", gettext_lazy("channel"))
    shown_outcome = shown_column(notice_outcome, gettext_lazy("outcome"))
    order = found_column("order_no", gettext_lazy("order number"))
    said = told_column("says", gettext_lazy("says"))

    def name_of(self, notice):
        return str(notice.pk)

    def page(self, request, notice):
        given = {"channel": notice.get_pay_type_display(), "outcome": outcome_of(notice)}
        return Page(
            sentence=_("%(channel)s sent this notification: %(outcome)s.") % given,
            badges=[notice_outcome(notice)],
            facts=[
                (_("received at"), moment(notice.created_at)),
                (_("says"), told(notice.says) or "-"),
                (_("order number"), found(notice.order_no)),
                (_("trade number"), notice.trade_no or "-"),
                *_strangers_facts(notice),
            ],
            sections=[notice_section(notice)],
        )


@finder(gettext_lazy("notifications"), "payments.view_notification", by="echo")
def notifications(word):
    for notice in repeating(Notification, word):
        yield Hit(page_of(notice), notice.get_pay_type_display(), str(outcome_of(notice)))
