"""The books of a day, as they were closed."""

from django.contrib import admin
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kit.money import ZERO
from office.export.sheets import Column
from office.frame.columns import when_column
from office.frame.dossier import Page, Section, link, list_of, moment, yuan
from office.frame.lists import DateRangeFilter
from office.readonly import ReadOnlyAdmin
from office.shown.accounts import account_name
from wallets import daily
from wallets.models import DailyFigure, DailySummary, LedgerLine
from wallets.states import LineKind

SHOWN_KINDS = {
    "issued": (LineKind.SEND, LineKind.CHANNEL_PAY),
    "taken": (LineKind.GRAB,),
    "returned": (LineKind.EXPIRY_REFUND,),
    "topped_up": (LineKind.TOPUP,),
}


@admin.register(DailySummary)
class DailySummaryAdmin(ReadOnlyAdmin):
    export_hidden = {"is_booked"}
    list_display = ["day", "issued", "taken", "returned", "topped_up", "lines", "closed"]
    list_filter = [("day", DateRangeFilter)]

    def prepare(self, rows):
        """All figures of a page's days in one query."""
        figures = list(DailyFigure.objects.filter(summary__in=[row.pk for row in rows]))
        for row in rows:
            own = [figure for figure in figures if figure.summary_id == row.pk]
            row.moved = {
                word: sum((f.amount for f in own if f.kind in kinds), ZERO)
                for word, kinds in SHOWN_KINDS.items()
            }
            row.line_count = sum(figure.lines for figure in own)

    def export_columns(self):
        words = {
            "issued": _("issued"),
            "taken": _("taken"),
            "returned": _("returned"),
            "topped_up": _("topped up"),
        }
        moved = [
            Column(title, lambda row, word=word: row.moved[word], "money")
            for word, title in words.items()
        ]
        return [*super().export_columns(), *moved]

    @admin.display(description=gettext_lazy("issued"))
    def issued(self, row):
        return yuan(row.moved["issued"])

    @admin.display(description=gettext_lazy("taken"))
    def taken(self, row):
        return yuan(row.moved["taken"])

    @admin.display(description=gettext_lazy("returned"))
    def returned(self, row):
        return yuan(row.moved["returned"])

    @admin.display(description=gettext_lazy("topped up"))
    def topped_up(self, row):
        return yuan(row.moved["topped_up"])

    @admin.display(description=gettext_lazy("lines"))
    def lines(self, row):
        return row.line_count

    closed = when_column("closed_at", gettext_lazy("closed at"))

    def page(self, request, row):
        self.prepare([row])
        figures = row.figures.order_by("kind", "source", "target")
        day = {"booked_on__day": row.day.isoformat()}
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
                (_("moved in all"), yuan(moved)),
            ],
            sections=[
                Section(
                    _("What moved"),
                    [_("kind"), _("source"), _("target"), _("lines"), _("amount")],
                    [
                        [
                            link(
                                f"{list_of(LedgerLine)}?"
                                f"{urlencode({**day, 'kind__exact': figure.kind})}",
                                figure.get_kind_display(),
                            ),
                            account_name(figure.source),
                            account_name(figure.target),
                            figure.lines,
                            yuan(figure.amount),
                        ]
                        for figure in figures
                    ]
                    + [[_("total"), "", "", row.line_count, yuan(moved)]],
                    name="moved",
                ),
                Section(
                    _("Held at the close"),
                    [_("account"), _("balance")],
                    [
                        [account_name(name), yuan(balance)]
                        for name, balance in sorted(balances.items())
                    ]
                    + [[_("all together"), yuan(sum(balances.values(), ZERO))]],
                    note=_("Every yuan is somewhere: all accounts together hold nothing."),
                    name="held",
                ),
            ],
        )
