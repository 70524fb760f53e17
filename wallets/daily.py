"""The daily summary (日结): a day is a range of ledger ids, closed once and for all.

A line's id is given when it is written, and a transaction lives for seconds. So ten minutes past
midnight every id below the first one of the new day is there or never will be; a line that was
dated before midnight and written after it, a straggler, belongs to the next day.
"""

from collections import defaultdict
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from django.db import IntegrityError, transaction
from django.db.models import Case, CharField, Count, F, Max, Min, QuerySet, Value, When
from django.utils import timezone

from redpacket_site.kit.money import ZERO, fen_sum, from_fen
from wallets import accounts
from wallets.models import DailyFigure, DailySummary, LedgerLine

SETTLED_AFTER = timedelta(minutes=10)


def close_days(*, now: datetime) -> int:
    """Close every day that is over and not closed yet, in order; how many that were.

    Races:   `day` is unique: of two who close the same day one is undone.
    Repeats: a closed day stays as it is.
    Spec:    2.7
    """
    closed = 0
    while (day := _next_day()) and _midnight_after(day) + SETTLED_AFTER <= now:
        try:
            _close(day=day, now=now)
        except IntegrityError:
            continue
        closed += 1
    return closed


def figures_of(first_id: int, last_id: int) -> dict[tuple[int, str, str], tuple[int, Decimal]]:
    """Lines and yuan by (kind, where from, where to) over a range of ids; wallets and escrows are
    taken together."""
    moved = (
        LedgerLine.objects.filter(id__gte=first_id, id__lte=last_id)
        .values("kind", out_of=group("source"), into=group("target"))
        .annotate(n=Count("pk"), fen=fen_sum("amount"))
        .order_by()
    )
    return {
        (row["kind"], row["out_of"], row["into"]): (row["n"], from_fen(row["fen"])) for row in moved
    }


def last_line() -> int:
    """The last line of the last closed day; 0 before any."""
    return DailySummary.objects.aggregate(last=Max("last_id"))["last"] or 0


def lines_of_today(lines: QuerySet) -> QuerySet:
    """Those written since the last closing and since midnight."""
    return lines.filter(id__gt=last_line(), created_at__gte=midnight())


def midnight() -> datetime:
    return timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)


def held(summary: DailySummary) -> dict[str, Decimal]:
    """What each group of accounts held when the day was closed."""
    balances: dict[str, Decimal] = defaultdict(lambda: ZERO)
    figures = DailyFigure.objects.filter(summary__day__lte=summary.day)
    moved = figures.values("source", "target").annotate(fen=fen_sum("amount")).order_by()
    for row in moved:
        balances[row["source"]] -= from_fen(row["fen"])
        balances[row["target"]] += from_fen(row["fen"])
    return dict(balances)


def _next_day() -> date | None:
    """The day after the last closed one; the first line's day before any; None without lines."""
    last = DailySummary.objects.aggregate(day=Max("day"))["day"]
    if last:
        return last + timedelta(days=1)
    first = LedgerLine.objects.order_by("id").values_list("created_at", flat=True).first()
    return first and timezone.localdate(first)


def _midnight_after(day: date) -> datetime:
    zone = timezone.get_default_timezone()
    return datetime.combine(day + timedelta(days=1), time.min, tzinfo=zone)


def _close(*, day: date, now: datetime) -> None:
    before = last_line()
    fresh = LedgerLine.objects.filter(id__gt=before)
    beyond = fresh.filter(created_at__gte=_midnight_after(day)).aggregate(first=Min("id"))["first"]
    last = beyond - 1 if beyond else fresh.aggregate(last=Max("id"))["last"] or before
    figures = figures_of(before + 1, last)
    with transaction.atomic(durable=True):
        summary = DailySummary.objects.create(
            day=day, first_id=before + 1, last_id=last, closed_at=now
        )
        DailyFigure.objects.bulk_create(
            DailyFigure(
                summary=summary,
                kind=kind,
                source=source,
                target=target,
                lines=lines,
                amount=amount,
            )
            for (kind, source, target), (lines, amount) in sorted(figures.items())
        )


def group(side: str) -> Case:
    """Accounts of which there are many by their group, the others by their name."""
    return Case(
        When(**{f"{side}__startswith": accounts.wallet("")}, then=Value("wallets")),
        When(**{f"{side}__startswith": accounts.escrow("")}, then=Value("escrow")),
        default=F(side),
        output_field=CharField(),
    )
