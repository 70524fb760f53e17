"""What channels sent, as it came."""

import json

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from kit.telling import told
from office.frame.columns import facts, shown_column, worded
from office.frame.dossier import Page, Section, moment, page_of
from office.frame.filters import ChoiceFilter, DateRangeFilter
from office.frame.find import Hit, finder
from office.readonly import ReadOnlyAdmin
from office.shown.payments import NOTICE_WORDS, notice_outcome, outcome_of, repeating
from payments import raw
from payments.models import Notification


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


class OutcomeFilter(ChoiceFilter):
    ordered_by = "created_at"

    def words(self):
        return {outcome.value: words for outcome, words in NOTICE_WORDS.items()}


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    export_hidden = {"headers"}
    list_display = ["created_at", "pay_type", "shown_outcome", "said", "order_no", "trade_no"]
    list_filter = [("outcome", OutcomeFilter), ("created_at", DateRangeFilter)]
    export_told = worded(says=told, outcome=lambda word: NOTICE_WORDS.get(word, word))
    search_fields = ["order_no", "trade_no"]
    search_help_text = _("order number or trade number")

    def get_queryset(self, request):
        return super().get_queryset(request).defer("body", "headers")

    shown_outcome = shown_column(notice_outcome, _("outcome"))
    said = shown_column(lambda notice: told(notice.says), _("says"), "says")

    def name_of(self, notice):
        return str(notice.pk)

    def page(self, request, notice):
        given = {"channel": notice.get_pay_type_display(), "outcome": outcome_of(notice)}
        return Page(
            sentence=_("%(channel)s sent this notification: %(outcome)s.") % given,
            badges=[notice_outcome(notice)],
            facts=[
                *facts(notice, "created_at"),
                (_("says"), told(notice.says) or "-"),
                *facts(notice, "order_no", "trade_no"),
                # Of what nobody verified a head is all that was kept.
                *(facts(notice, "address", "size", "digest") if notice.size is not None else ()),
            ],
            sections=[notice_section(notice)],
        )


@finder(_("notifications"), "payments.view_notification", by="echo")
def notifications(word):
    for notice in repeating(Notification, word):
        yield Hit(page_of(notice), notice.get_pay_type_display(), str(outcome_of(notice)))
