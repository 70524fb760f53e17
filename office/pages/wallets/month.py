"""The books of a month: its closed days, what they come to, and what is left at its end."""

from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.urls import reverse
from django.utils.translation import gettext as _

from kit.money import ZERO
from office.frame.dossier import Page, Section, link, page_of, yuan
from office.pages.wallets import held, made_of
from office.shown.accounts import account_name
from office.shown.charts import by_day
from wallets import daily
from wallets.models import DailyFigure, DailySummary
from wallets.states import LineKind

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
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    days = made_of.days_of(word)
    if not days:
        raise Http404
    return model_admin.told(request, _page(model_admin, days, word), word)


def _page(model_admin: Any, days: list[DailySummary], word: str) -> Page:
    model_admin.prepare(days)
    words = {"issued": _("issued"), "taken": _("taken"), "returned": _("returned")}
    words["topped_up"] = _("topped up")
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
    balances, last = daily.held(days[-1]), days[-1].day
    close = held.held_rows(balances, last)
    close.append([_("all together"), yuan(sum(balances.values(), ZERO))])
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
            Section(
                _("Held at the close of %(day)s") % {"day": last},
                [_("account"), _("balance")],
                close,
                name="held",
            ),
        ],
        charts=by_day(days, word),
    )


def _told(
    amounts: dict[str, Decimal], names: dict[str, Any], word: str, day: date | None = None
) -> list[str]:
    return [link(made_of.url_of(word, of=name, day=day), yuan(amounts[name])) for name in names]


def _moved(days: list[DailySummary], word: str) -> Section:
    """By kind and way, each leading to its days."""
    ways: dict[tuple[int, str, str], tuple[int, Decimal]] = defaultdict(lambda: (0, ZERO))
    for each in DailyFigure.objects.filter(summary__in=[day.pk for day in days]):
        count, amount = ways[each.kind, each.source, each.target]
        ways[each.kind, each.source, each.target] = count + each.lines, amount + each.amount
    rows: list[list[Any]] = [
        [
            link(
                made_of.url_of(word, kind=kind, source=source, target=target), LineKind(kind).label
            ),
            account_name(source),
            account_name(target),
            count,
            yuan(amount),
        ]
        for (kind, source, target), (count, amount) in sorted(ways.items())
    ]
    count = sum(count for count, _amount in ways.values())
    amount = sum((amount for _count, amount in ways.values()), ZERO)
    total = link(made_of.url_of(word, of="all"), _("total"))
    rows.append([total, "", "", count, yuan(amount)])
    columns = [_("kind"), _("source"), _("target"), _("lines"), _("amount")]
    return Section(_("What moved"), columns, rows, name="moved")
