"""The daily summary (日结): a day's books are shut, then summed and sealed, once and for all.

A transaction lives for seconds, so ten minutes past midnight nearly every line of the day is in its
books (book.py). One that commits later, a straggler, is booked on the next day; one that is dated
ahead, on the day that was open when it was there.
"""

from collections import defaultdict
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from django.db import IntegrityError, transaction
from django.db.models import Case, CharField, Count, F, Q, QuerySet, Value, When
from django.utils import timezone

from kit import clock
from kit.money import ZERO, fen_sum, from_fen
from wallets import accounts, book, seals
from wallets.models import DailyFigure, DailySummary, LedgerLine

SETTLED_AFTER = timedelta(minutes=10)
SUMMED_AT_ONCE = 100_000

Figures = dict[tuple[int, str, str], tuple[int, Decimal]]


def close_days(*, now: datetime) -> int:
    """Book, then close every day that is over and not closed yet, in order; how many that were.

    Races:   a day is shut before it is summed, so nothing comes to it in between; `day` is unique:
             of two who close the same day one is undone.
    Repeats: a closed day stays as it is. Killed between shutting, summing and sealing: the next one
             goes on there.
    Spec:    2.7
    """
    book.book(now=now)
    closed = 0
    while (day := _next_day()) and midnight_after(day) + SETTLED_AFTER <= now:
        if _is_behind(day):
            break
        try:
            _close(day=day, now=now)
        except IntegrityError:
            if not DailySummary.objects.filter(day=day).exists():
                raise
            continue
        closed += 1
    seals.seal_days()
    return closed


def figures_of(lines: QuerySet) -> Figures:
    """Lines and yuan by (kind, where from, where to); wallets and escrows are taken together.

    A piece at a time: a statement over ten million lines outlives every time-out.
    """
    figures: Figures = {}
    left = lines
    while True:
        end = left.order_by("pk").values_list("pk", flat=True)[SUMMED_AT_ONCE - 1 :].first()
        piece = left if end is None else left.filter(pk__lte=end)
        for of, (count, yuan) in _figures_of(piece).items():
            before, sum_ = figures.get(of, (0, ZERO))
            figures[of] = (before + count, sum_ + yuan)
        if end is None:
            return figures
        left = lines.filter(pk__gt=end)


def _figures_of(lines: QuerySet) -> Figures:
    moved = (
        lines.values("kind", out_of=group("source"), into=group("target"))
        .annotate(n=Count("pk"), fen=fen_sum("amount"))
        .order_by()
    )
    return {
        (row["kind"], row["out_of"], row["into"]): (row["n"], from_fen(row["fen"])) for row in moved
    }


def last_closed() -> DailySummary | None:
    return DailySummary.objects.order_by("-day").first()


def lines_of(summary: DailySummary) -> Q:
    """Which ledger lines are in a closed day."""
    return Q(booked_on=summary.day)


def lines_after(summary: DailySummary | None) -> Q:
    """Which ledger lines came after the last closed day: what its balances do not hold."""
    if summary is None:
        return Q()
    return Q(booked_on__gt=summary.day) | Q(booked_on=None)


def lines_of_today(lines: QuerySet) -> QuerySet:
    """Those in today's books, which are brought up to now before."""
    book.catch_up(now=clock.now())
    return lines.filter(booked_on=clock.today())


def midnight() -> datetime:
    return timezone.localtime(clock.now()).replace(hour=0, minute=0, second=0, microsecond=0)


def midnight_after(day: date) -> datetime:
    zone = timezone.get_default_timezone()
    return datetime.combine(day + timedelta(days=1), time.min, tzinfo=zone)


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
    """The day after the last closed one; the first that is booked on before any, or None."""
    if last := last_closed():
        return last.day + timedelta(days=1)
    booked = (
        model._default_manager.filter(booked_on__isnull=False).order_by("booked_on")
        for model in book.tables()
    )
    first = [days.values_list("booked_on", flat=True).first() for days in booked]
    return min(filter(None, first), default=None)


def _is_behind(day: date) -> bool:
    """Whether lines of this day still wait for their booking, when there were too many."""
    left = {"created_at__lt": midnight_after(day)}
    return any(book.waiting(model).filter(**left).exists() for model in book.tables())


def _close(*, day: date, now: datetime) -> None:
    book.shut(day)
    figures = figures_of(LedgerLine.objects.filter(booked_on=day))
    with transaction.atomic(durable=True):
        summary = DailySummary.objects.create(day=day, closed_at=now)
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
