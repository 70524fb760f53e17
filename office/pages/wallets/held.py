"""Where a balance comes from: what an account held, what has moved since, what it holds now. Each
row leads to exactly the ledger lines that it counts."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import Http404
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from kit import clock
from kit.money import ZERO, fen_sum, from_fen
from office.frame import reader
from office.frame.dossier import Page, Section, link, list_of, yuan
from office.pages.wallets.day_filters import TODAY
from office.shown.accounts import GROUPS, account_name, owed
from wallets import book, daily
from wallets.models import DailyFigure, DailySummary, LedgerLine
from wallets.states import LineKind


@dataclass(frozen=True, slots=True)
class Moved:
    """Lines of a day of one kind, from one account or group of accounts to another."""

    day: date | None  # None: not in a day's books yet
    kind: int
    source: str
    target: str
    lines: int
    amount: Decimal

    def of(self, name: str) -> Decimal:
        return (self.amount if self.target == name else ZERO) - (
            self.amount if self.source == name else ZERO
        )


def url_of(name: str, day: date | None = None) -> str:
    query = f"?{urlencode({'day': day.isoformat()})}" if day else ""
    return reverse("admin:wallets_ledgerline_account", args=[name]) + query


def lines_url(kind: int, source: str, target: str, day: date | None) -> str:
    """The list of exactly these lines."""
    given = {
        "booked_on__day": TODAY if day in (None, clock.today()) else day.isoformat(),
        "kind__exact": int(kind),
        "source__of": source,
        "target__of": target,
    }
    return f"{list_of(LedgerLine)}?{urlencode(given)}"


def all_lines(day: date, text: Any = "") -> str:
    """A day's total, leading to the list of its lines."""
    query = urlencode({"booked_on__day": day.isoformat()})
    return link(f"{list_of(LedgerLine)}?{query}", text or _("total"))


def view(model_admin: Any, request: Any, name: str) -> Any:
    if not request.user.has_perm("wallets.view_dailysummary"):
        raise PermissionDenied
    if name not in GROUPS:
        raise Http404
    day = _closed(request.GET.get("day", ""))
    title = f"{account_name(name)} {day.day}" if day else account_name(name)
    page = _page(name, day)
    return model_admin.told(request, page, title)


def _closed(word: str) -> DailySummary | None:
    if not word:
        return None
    try:
        return DailySummary.objects.get(day=date.fromisoformat(word))
    except (ValueError, DailySummary.DoesNotExist):
        raise Http404 from None


def _page(name: str, day: DailySummary | None) -> Page:
    if day is None:
        before, moved = daily.last_closed(), list(_since_the_last())
        words = _("%(account)s: %(money)s yuan now.")
    else:
        before = DailySummary.objects.filter(day__lt=day.day).order_by("-day").first()
        moved = list(_of_day(day))
        words = _("%(account)s: %(money)s yuan when the day was closed.")
    sign = -1 if owed(name) else 1
    opening = ZERO + sign * (daily.held(before).get(name, ZERO) if before else ZERO)
    moved = [each for each in moved if name in (each.source, each.target)]
    closing = opening + sum((sign * each.of(name) for each in moved), ZERO)
    rows = [[_opening(name, before), "", "", "", yuan(opening)]] if before else []
    rows += [_row(each, sign * each.of(name)) for each in moved]
    rows.append([_("total"), "", "", sum(each.lines for each in moved), yuan(closing)])
    columns = [_("day"), _("kind"), _("source and target"), _("lines"), _("amount")]
    return Page(
        title=_("account"),
        sentence=words % {"account": account_name(name), "money": f"{closing:,.2f}"},
        sections=[Section(_("What it is made of"), columns, rows, name="made-of")],
    )


def _opening(name: str, before: DailySummary) -> Any:
    text = _("held at the close of %(day)s") % {"day": before.day}
    return link(url_of(name, before.day), text)


def _row(each: Moved, amount: Decimal) -> list[Any]:
    day = each.day or clock.today()
    kind = LineKind(each.kind).label
    url = lines_url(each.kind, each.source, each.target, each.day)
    between = f"{account_name(each.source)} → {account_name(each.target)}"
    shown = link(url, kind) if reader.may_open(LedgerLine) else kind
    return [day.isoformat(), shown, between, each.lines, yuan(amount)]


def _since_the_last() -> Iterable[Moved]:
    book.catch_up(now=clock.now())
    fresh = LedgerLine.objects.filter(daily.lines_after(daily.last_closed()))
    rows = (
        fresh.values("booked_on", "kind", out_of=daily.group("source"), into=daily.group("target"))
        .annotate(n=Count("pk"), fen=fen_sum("amount"))
        .order_by("booked_on", "kind")
    )
    for row in rows:
        fen = from_fen(row["fen"])
        yield Moved(row["booked_on"], row["kind"], row["out_of"], row["into"], row["n"], fen)


def _of_day(day: DailySummary) -> Iterable[Moved]:
    figures = DailyFigure.objects.filter(summary=day).order_by("kind", "source", "target")
    for each in figures:
        yield Moved(day.day, each.kind, each.source, each.target, each.lines, each.amount)


def moved(figures: Iterable[Any], url: Callable[[Any], str], whole: Any) -> Section:
    """By kind and way, each leading to `url` of it; behind them all together, led to by `whole`."""
    known = list(figures)
    rows = [
        [
            link(url(each), LineKind(each.kind).label),
            account_name(each.source),
            account_name(each.target),
            each.lines,
            yuan(each.amount),
        ]
        for each in known
    ]
    amount = sum((each.amount for each in known), ZERO)
    rows.append([whole, "", "", sum(each.lines for each in known), yuan(amount)])
    columns = [_("kind"), _("source"), _("target"), _("lines"), _("amount")]
    return Section(_("What moved"), columns, rows, name="moved")


def at_close(title: Any, summary: DailySummary, note: Any = "") -> Section:
    """What every account held, each leading to what it is made of."""
    balances = daily.held(summary)
    rows = [
        [
            link(url_of(name, summary.day), account_name(name)) if name in GROUPS else name,
            yuan(balance),
        ]
        for name, balance in sorted(balances.items())
    ]
    rows.append([_("all together"), yuan(sum(balances.values(), ZERO))])
    return Section(title, [_("account"), _("balance")], rows, note=note, name="held")
