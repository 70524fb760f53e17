"""The books of a day, as they were closed."""

from django.contrib import admin
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kit.money import ZERO
from office.frame.columns import amount_column, number_column, when_column
from office.frame.dossier import Page, Section, link, moment, yuan
from office.frame.lists import DateRangeFilter
from office.pages.wallets import held, made_of, month
from office.readonly import ReadOnlyAdmin
from office.shown.accounts import account_name
from wallets import daily
from wallets.models import DailyFigure, DailySummary


@admin.register(DailySummary)
class DailySummaryAdmin(ReadOnlyAdmin):
    list_display = ["day", "issued", "taken", "returned", "topped_up", "lines", "closed"]
    list_filter = [("day", DateRangeFilter)]

    def prepare(self, rows):
        """All figures of a page's days in one query."""
        figures = list(DailyFigure.objects.filter(summary__in=[row.pk for row in rows]))
        for row in rows:
            own = [figure for figure in figures if figure.summary_id == row.pk]
            row.moved = {
                word: sum((f.amount for f in own if f.kind in kinds), ZERO)
                for word, kinds in made_of.OF.items()
            }
            row.line_count = sum(figure.lines for figure in own)

    issued = amount_column(lambda row: row.moved["issued"], gettext_lazy("issued"))
    taken = amount_column(lambda row: row.moved["taken"], gettext_lazy("taken"))
    returned = amount_column(lambda row: row.moved["returned"], gettext_lazy("returned"))
    topped_up = amount_column(lambda row: row.moved["topped_up"], gettext_lazy("topped up"))
    lines = number_column(lambda row: row.line_count, gettext_lazy("lines"))
    closed = when_column("closed_at", gettext_lazy("closed at"))

    def changelist_view(self, request, extra_context=None):
        return super().changelist_view(request, {"proposals": month.buttons()})

    def get_urls(self):
        view = self.admin_site.admin_view(lambda request, word: month.view(self, request, word))
        rows = self.admin_site.admin_view(lambda request, word: made_of.view(self, request, word))
        return [
            path("month/<str:word>/", view, name="wallets_dailysummary_month"),
            path("month/<str:word>/made-of/", rows, name="wallets_dailysummary_made_of"),
            *super().get_urls(),
        ]

    def page(self, request, row):
        self.prepare([row])
        figures = row.figures.order_by("kind", "source", "target")
        moved = sum((figure.amount for figure in figures), ZERO)
        balances = daily.held(row)
        told = {
            "day": row.day,
            "issued": f"{row.moved['issued']:,.2f}",
            "taken": f"{row.moved['taken']:,.2f}",
            "returned": f"{row.moved['returned']:,.2f}",
        }
        return Page(
            sentence=_(
                "On %(day)s %(issued)s yuan were issued, %(taken)s taken, %(returned)s returned."
            )
            % told,
            facts=[
                (_("closed at"), moment(row.closed_at)),
                (_("lines"), row.line_count),
                (_("moved in all"), held.all_lines(row.day, yuan(moved))),
                (_("month"), month.link_to(row.day)),
            ],
            sections=[
                Section(
                    _("What moved"),
                    [_("kind"), _("source"), _("target"), _("lines"), _("amount")],
                    [
                        [
                            link(
                                held.lines_url(figure.kind, figure.source, figure.target, row.day),
                                figure.get_kind_display(),
                            ),
                            account_name(figure.source),
                            account_name(figure.target),
                            figure.lines,
                            yuan(figure.amount),
                        ]
                        for figure in figures
                    ]
                    + [[held.all_lines(row.day), "", "", row.line_count, yuan(moved)]],
                    name="moved",
                ),
                Section(
                    _("Held at the close"),
                    [_("account"), _("balance")],
                    [
                        *held.held_rows(balances, row.day),
                        [_("all together"), yuan(sum(balances.values(), ZERO))],
                    ],
                    note=_("Every yuan is somewhere: all accounts together hold nothing."),
                    name="held",
                ),
            ],
        )
