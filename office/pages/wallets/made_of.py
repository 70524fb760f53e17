"""What a figure of a month is made of: its lines by day and way, each leading to exactly these."""

from datetime import date
from typing import Any

from django.http import Http404
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from kit.money import ZERO
from office.frame.dossier import Page, Section, link, yuan
from office.pages.wallets import held
from office.shown.accounts import account_name
from office.shown.charts import MOVED
from wallets.models import DailyFigure, DailySummary
from wallets.states import LineKind

ALL = "all"


def url_of(word: str, **given: Any) -> str:
    """`of` one column or of one `kind`, `source` and `target`; of the month or of its `day`."""
    query = {name: str(value) for name, value in given.items() if value is not None}
    return reverse("admin:wallets_dailysummary_made_of", args=[word]) + f"?{urlencode(query)}"


def view(model_admin: Any, request: Any, word: str) -> Any:
    figures = DailyFigure.objects.select_related("summary").filter(**_asked(request.GET))
    found = figures.filter(summary__in=_days(word, request.GET.get("day")))
    return model_admin.told(request, _page(list(found.order_by("summary__day", "pk"))), word)


def _asked(given: Any) -> dict[str, Any]:
    """Which figures; whoever asks for none that there are gets no page."""
    if (of := given.get("of")) is not None:
        if of not in (*MOVED, ALL):
            raise Http404
        return {} if of == ALL else {"kind__in": MOVED[of][1]}
    try:
        kind = LineKind(int(given.get("kind", "")))
    except ValueError:
        raise Http404 from None
    return {"kind": kind, "source": given.get("source", ""), "target": given.get("target", "")}


def days_of(word: str) -> list[DailySummary]:
    """The closed days of a month, "2026-11"; none of what is no month."""
    try:
        first = date.fromisoformat(f"{word}-01")
    except ValueError:
        return []
    of_month = DailySummary.objects.filter(day__year=first.year, day__month=first.month)
    return list(of_month.order_by("day"))


def _days(word: str, day: str | None) -> list[DailySummary]:
    days = [each for each in days_of(word) if day in (None, each.day.isoformat())]
    if not days:
        raise Http404
    return days


def _page(figures: list[DailyFigure]) -> Page:
    whole = sum((each.amount for each in figures), ZERO)
    rows: list[list[Any]] = [_row(each, each.summary.day) for each in figures]
    rows.append([_("total"), "", "", "", sum(each.lines for each in figures), yuan(whole)])
    columns = [_("day"), _("kind"), _("source"), _("target"), _("lines"), _("amount")]
    return Page(
        sentence=_("%(money)s yuan in these lines.") % {"money": f"{whole:,.2f}"},
        sections=[Section(_("What it is made of"), columns, rows, name="made-of")],
    )


def _row(each: DailyFigure, day: date) -> list[Any]:
    return [
        day.isoformat(),
        link(held.lines_url(each.kind, each.source, each.target, day), each.get_kind_display()),
        account_name(each.source),
        account_name(each.target),
        each.lines,
        yuan(each.amount),
    ]
