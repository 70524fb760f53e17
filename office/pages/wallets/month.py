"""The books of a month: its closed days, what they come to, and what is left at its end."""

from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Sum
from django.http import Http404
from django.urls import reverse
from django.utils.translation import gettext as _

from kit.money import ZERO, fen_sum, from_fen
from office.frame.dossier import Page, Section, link, page_of, yuan
from office.pages.wallets import held, made_of
from office.shown.charts import MOVED, by_day
from wallets.models import DailyFigure, DailySummary

SHOWN = 6  # months that the list of days leads to


def url_of(day: date) -> str:
    return reverse("admin:wallets_dailysummary_month", args=[f"{day:%Y-%m}"])


def link_to(day: date) -> str:
    return link(url_of(day), f"{day:%Y-%m}")


def buttons() -> list[dict[str, Any]]:
    """The last months that have a closed day."""
    months = DailySummary.objects.dates("day", "month", order="DESC")[:SHOWN]
    return [
        {"title": _("Month %(month)s") % {"month": f"{day:%Y-%m}"}, "url": url_of(day)}
        for day in months
    ]


def view(model_admin: Any, request: Any, word: str) -> Any:
    days = made_of.days_of(word)
    if not days:
        raise Http404
    return model_admin.told(request, _page(model_admin, days, word), word)


def _page(model_admin: Any, days: list[DailySummary], word: str) -> Page:
    model_admin.prepare(days)
    words = {word: label for word, (label, _kinds) in MOVED.items()}
    sums = {name: sum((day.moved[name] for day in days), ZERO) for name in words}
    lines = sum(day.line_count for day in days)
    rows: list[list[Any]] = [
        [
            link(page_of(day), day.day.isoformat()),
            *_told(day.moved, words, word, day.day),
            day.line_count,
        ]
        for day in days
    ]
    rows.append([_("total"), *_told(sums, words, word), lines])
    last = days[-1].day
    told = {"month": word, **{name: f"{amount:,.2f}" for name, amount in sums.items()}}
    return Page(
        sentence=_(
            "In %(month)s %(issued)s yuan were issued, %(taken)s taken, %(returned)s returned."
        )
        % told,
        facts=[
            (_("closed days"), len(days)),
            (_("from"), days[0].day.isoformat()),
            (_("to"), last.isoformat()),
            (_("lines"), f"{lines:,}"),
        ],
        sections=[
            Section(_("each day"), [_("day"), *words.values(), _("lines")], rows, name="days"),
            _moved(days, word),
            held.at_close(_("Held at the close of %(day)s") % {"day": last}, days[-1]),
        ],
        charts=by_day(days, word),
    )


def _told(
    amounts: dict[str, Decimal], names: dict[str, Any], word: str, day: date | None = None
) -> list[str]:
    return [link(made_of.url_of(word, of=name, day=day), yuan(amounts[name])) for name in names]


def _moved(days: list[DailySummary], word: str) -> Section:
    """By kind and way, each leading to its days."""
    ways = (
        DailyFigure.objects.filter(summary__in=[day.pk for day in days])
        .values_list("kind", "source", "target")
        .annotate(count=Sum("lines"), fen=fen_sum("amount"))
        .order_by("kind", "source", "target")
    )
    return held.moved(
        (held.Moved(None, *way, count, from_fen(fen)) for *way, count, fen in ways),
        lambda each: made_of.url_of(word, kind=each.kind, source=each.source, target=each.target),
        link(made_of.url_of(word, of="all"), _("total")),
    )
