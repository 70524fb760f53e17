"""The books of a day, as they were closed."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from kit.money import ZERO
from office.frame.columns import amount_column, facts, number_column
from office.frame.dossier import Page, yuan
from office.frame.filters import DateRangeFilter
from office.pages.wallets import held, made_of, month
from office.readonly import ReadOnlyAdmin
from office.shown.charts import MOVED
from wallets.models import DailyFigure, DailySummary


@admin.register(DailySummary)
class DailySummaryAdmin(ReadOnlyAdmin):
    list_display = ["day", "issued", "taken", "returned", "topped_up", "lines", "closed_at"]
    list_filter = [("day", DateRangeFilter)]
    more_pages = [
        ("month/<str:word>/", month.view, "month"),
        ("month/<str:word>/made-of/", made_of.view, "made_of"),
    ]

    def prepare(self, rows):
        """All figures of a page's days in one query."""
        figures = list(DailyFigure.objects.filter(summary__in=[row.pk for row in rows]))
        for row in rows:
            own = [figure for figure in figures if figure.summary_id == row.pk]
            row.moved = {
                word: sum((f.amount for f in own if f.kind in kinds), ZERO)
                for word, (_label, kinds) in MOVED.items()
            }
            row.line_count = sum(figure.lines for figure in own)

    issued = amount_column(lambda row: row.moved["issued"], _("issued"))
    taken = amount_column(lambda row: row.moved["taken"], _("taken"))
    returned = amount_column(lambda row: row.moved["returned"], _("returned"))
    topped_up = amount_column(lambda row: row.moved["topped_up"], _("topped up"))
    lines = number_column(lambda row: row.line_count, _("lines"))

    def changelist_view(self, request, extra_context=None):
        return super().changelist_view(request, {"proposals": month.buttons()})

    def page(self, request, row):
        self.prepare([row])
        figures = row.figures.order_by("kind", "source", "target")
        moved = sum((figure.amount for figure in figures), ZERO)
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
                *facts(row, "closed_at"),
                (_("lines"), row.line_count),
                (_("moved in all"), held.all_lines(row.day, yuan(moved))),
                (_("month"), month.link_to(row.day)),
            ],
            sections=[
                held.moved(
                    figures,
                    lambda each: held.lines_url(each.kind, each.source, each.target, row.day),
                    held.all_lines(row.day),
                ),
                held.at_close(
                    _("Held at the close"),
                    row,
                    _("Every yuan is somewhere: all accounts together hold nothing."),
                ),
            ],
        )
