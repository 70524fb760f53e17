"""The registry of rules that money must obey, and the ledger's own rules (账实核对).

A rule is a generator of findings. The apps above register theirs in `AppConfig.ready`. All rules
read one snapshot and go by key range, so that the audit runs online on tables of any size. It reads
all history, or what came after the last day that was found clean (reach.py, opening.py).
"""
# Long: the registry, and every rule of the ledger, so that they are read against each other.

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import models

from kit import clock, replica
from kit.hooks import Hook
from kit.money import ZERO, fen_sum, from_fen
from kit.plumbing.during import during
from kit.snapshot import snapshot
from wallets import accounts, book, daily, opening, reach, seals
from wallets.models import Adjustment, AuditRun, DailySummary, LedgerLine, Wallet
from wallets.states import AdjustmentStatus, LineKind

CHUNK = 2000
SAID = 50  # findings that a run keeps in words
# A line tells its writer's time and not when it was there: one that came late, or from a slow
# clock, waits for the sweep that runs every few seconds.
BOOKED_WITHIN = timedelta(days=3)
# Sealed days whose rows are counted again: the newest each time, of the others one in so many.
COUNTED_DAYS, COUNTED_SHARE = 7, 30

# Whether this audit counts every sealed day again.
_counts_all: ContextVar[bool] = ContextVar("counts_all", default=False)


@dataclass(frozen=True, slots=True)
class Finding:
    """One row that breaks one rule."""

    rule: str
    row: str
    says: str


Rule = Callable[[], Iterator[Finding]]
_rules: Hook[Rule] = Hook("what money must obey")


def register(rule: Rule) -> Rule:
    """Add a rule; its name and first docstring line are what people see."""
    return _rules.hang(rule.__name__, rule)


def rules() -> list[Rule]:
    return list(_rules.values())


def audit(*, counts_all: bool = False, since: date | None = None) -> list[Finding]:
    """Every finding of every rule, over one consistent snapshot. Empty: not a cent is missing.

    With a day that was found clean: what came after it, and on its balances.
    """
    held = during(_counts_all, counts_all)
    with held, replica.reads(), reach.from_day(since), snapshot():
        return [finding for rule in _rules.values() for finding in rule()]


def run(*, now: datetime, counts_all: bool = False, is_whole: bool = True) -> list[Finding]:
    """Audit, and keep what came of it: the back office shows the last run, and the next one may
    start behind the days that were found clean."""
    began = time.monotonic()
    since = None if is_whole else opening.kept_until()
    closed = daily.last_closed()
    until = closed.day if closed else None
    findings = audit(counts_all=counts_all, since=since)
    if until and not findings:
        opening.keep(until=until)
    AuditRun.objects.create(
        began_at=now,
        took_ms=int((time.monotonic() - began) * 1000),
        rules=len(_rules),
        findings=len(findings),
        says=[f"{found.rule}: {found.row}: {found.says}"[:300] for found in findings[:SAID]],
        since=since,
        until=until,
    )
    return findings


def by_key(queryset: models.QuerySet, key: str = "pk") -> Iterator[list]:
    """The rows in key order, a chunk at a time; `.iterator()` would load everything on MySQL."""
    last = None
    while True:
        rows = queryset.order_by(key)
        chunk = list((rows if last is None else rows.filter(**{f"{key}__gt": last}))[:CHUNK])
        if not chunk:
            return
        yield chunk
        last = getattr(chunk[-1], key)


def by_weight(chunks: Iterable[list], weight: str) -> Iterator[list]:
    """The same rows, which bring `weight` others each, in chunks that bring CHUNK at most or are
    one row."""
    for chunk in chunks:
        light: list[Any] = []
        brought = 0
        for row in chunk:
            if light and brought + getattr(row, weight) > CHUNK:
                yield light
                light, brought = [], 0
            light.append(row)
            brought += getattr(row, weight)
        yield light


def sums(names: list[str], **conditions: Any) -> dict[str, Decimal]:
    """What the ledger says that each of these accounts holds: targets minus sources."""
    held: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for side, sign in (("target", 1), ("source", -1)):
        lines = LedgerLine.objects.filter(**{f"{side}__in": names}, **conditions)
        for account, fen in lines.values_list(side).annotate(fen=fen_sum("amount")).order_by():
            held[account] += sign * from_fen(fen)
    return held


def held_in(account: str) -> Decimal:
    """What one account holds that is of no user and no packet: by its lines or, of an audit of
    days, by what it held when the day before them was closed, and the lines since."""
    since = reach.since()
    closed = DailySummary.objects.filter(day=since).first() if since else None
    if closed is None:
        return sums([account])[account]
    balance = daily.held(closed).get(account, ZERO)
    for lines in reach.lines():
        balance += sum((line.amount for line in lines if line.target == account), ZERO)
        balance -= sum((line.amount for line in lines if line.source == account), ZERO)
    return balance


@register
def wallet_balance_is_its_lines() -> Iterator[Finding]:
    """A wallet's balance is the sum of its ledger lines, and not negative."""
    if reach.since():
        return  # the next rule, on kept sums
    for wallets in by_key(Wallet.objects.all()):
        held = sums([accounts.wallet(wallet.user_id) for wallet in wallets])
        for wallet in wallets:
            expected = held[accounts.wallet(wallet.user_id)]
            if wallet.balance != expected or wallet.balance < 0:
                yield Finding(
                    "wallet_balance_is_its_lines",
                    f"wallet {wallet.user_id}",
                    f"balance {wallet.balance}, lines {expected}",
                )


@register
def openings_lead_to_the_balances() -> Iterator[Finding]:
    """A wallet's balance is the opening one, kept by the last clean audit, and what was booked
    since; all opening balances together are what the wallets held when that day was closed."""
    if (until := opening.kept_until()) is None:
        return
    for user, held, balance in opening.differences():
        says = f"balance {balance}, opening and days since {held}"
        yield Finding("openings_lead_to_the_balances", f"wallet {user}", says)
    held_in_all, last = opening.total_of(until), DailySummary.objects.filter(day=until).first()
    closed = daily.held(last).get("wallets", ZERO) if last else None
    if held_in_all is not None and held_in_all != closed:
        says = f"opening balances {held_in_all}, closed with {closed}"
        yield Finding("openings_lead_to_the_balances", f"day {until}", says)


_ROUTES = {
    LineKind.SEND: (("wallet", "escrow"),),
    LineKind.GRAB: (("escrow", "wallet"),),
    LineKind.EXPIRY_REFUND: (("escrow", "wallet"),),
    LineKind.TOPUP: (("clearing", "wallet"),),
    LineKind.ADJUSTMENT: (
        ("platform", "wallet"),
        ("wallet", "platform"),
        ("suspense", "wallet"),
        ("wallet", "suspense"),
        ("suspense", "platform"),
        ("clearing", "wallet"),  # a channel refund that the channel refused came back
    ),
    LineKind.CHANNEL_PAY: (("clearing", "escrow"),),
    LineKind.SUSPENSE: (
        ("clearing", "suspense"),
        ("suspense", "clearing"),  # its channel says now that it had never come like that
    ),
    LineKind.CHANNEL_REFUND: (
        ("suspense", "clearing"),
        ("wallet", "clearing"),
        ("platform", "clearing"),  # one that had failed and was paid after all
    ),
}


@register
def lines_are_well_formed() -> Iterator[Finding]:
    """A line has a positive amount, accounts that fit its kind, and wallets that exist."""
    for lines in reach.lines():
        owners = {accounts.owner(name) for line in lines for name in (line.source, line.target)}
        known = set(
            Wallet.objects.filter(user_id__in=owners - {None}).values_list("user_id", flat=True)
        )
        for line in lines:
            route = (line.source.partition(":")[0], line.target.partition(":")[0])
            problems = []
            if line.amount <= 0:
                problems.append(f"amount {line.amount}")
            if line.kind not in _ROUTES or route not in _ROUTES[LineKind(line.kind)]:
                problems.append(f"kind {line.kind} from {line.source} to {line.target}")
            for name in (line.source, line.target):
                if (user := accounts.owner(name)) is not None and user not in known:
                    problems.append(f"no wallet {user}")
            if problems:
                yield Finding(
                    "lines_are_well_formed", f"ledger line {line.pk}", ", ".join(problems)
                )


@register
def adjustments_are_in_the_ledger() -> Iterator[Finding]:
    """An approved adjustment is one line of its amount and accounts; any other is none."""
    for adjustments in _adjustments():
        references = [adjustment.reference for adjustment in adjustments]
        lines = {
            line.reference: (line.source, line.target, line.amount)
            for line in LedgerLine.objects.filter(
                kind=LineKind.ADJUSTMENT, reference__in=references
            )
        }
        for adjustment in adjustments:
            is_approved = adjustment.status == AdjustmentStatus.APPROVED
            wanted = (adjustment.source, adjustment.target, adjustment.amount)
            if lines.get(adjustment.reference) != (wanted if is_approved else None):
                yield Finding(
                    "adjustments_are_in_the_ledger",
                    f"adjustment {adjustment.reference}",
                    f"{adjustment.get_status_display()}, line {lines.get(adjustment.reference)}",
                )


def _adjustments() -> Iterator[list[Adjustment]]:
    """All; or what nobody has decided, what was decided since, and what the lines since name."""
    if (since := reach.moment()) is None:
        yield from by_key(Adjustment.objects.all())
        return
    yield from by_key(Adjustment.objects.filter(status=AdjustmentStatus.PROPOSED))
    yield from reach.by_time(Adjustment.objects.all(), "decided_at", since)
    for lines in reach.lines(kind=LineKind.ADJUSTMENT):
        yield list(Adjustment.objects.filter(reference__in=[line.reference for line in lines]))


@register
def daily_summaries_are_the_ledger() -> Iterator[Finding]:
    """Closed days follow each other, and their figures are the sums of their lines."""
    before = None
    for summaries in by_key(DailySummary.objects.all(), "day"):
        for summary in summaries:
            row = f"daily summary {summary.day}"
            if before and summary.day != before + timedelta(days=1):
                yield Finding("daily_summaries_are_the_ledger", row, f"follows {before}")
            if (since := reach.since()) and summary.day <= since:
                before = summary.day
                continue
            figures = {
                (figure.kind, figure.source, figure.target): (figure.lines, figure.amount)
                for figure in summary.figures.all()
            }
            lines = daily.figures_of(LedgerLine.objects.filter(daily.lines_of(summary)))
            if figures != lines:
                yield Finding("daily_summaries_are_the_ledger", row, f"{figures}, lines {lines}")
            before = summary.day


@register
def lines_are_in_the_books() -> Iterator[Finding]:
    """What is dated days before the last close is booked, and nothing before the first day."""
    last = daily.last_closed()
    if last is None:
        return
    first = DailySummary.objects.earliest("day").day
    stray = {
        "in no books": book.waiting().filter(
            created_at__lt=daily.midnight_after(last.day) - BOOKED_WITHIN
        ),
        f"booked before {first}": LedgerLine.objects.filter(booked_on__lt=first),
    }
    for says, lines in stray.items():
        for chunk in by_key(lines):
            for line in chunk:
                yield Finding("lines_are_in_the_books", f"ledger line {line.pk}", says)


@register
def sealed_lines_are_unchanged() -> Iterator[Finding]:
    """The ledger lines of a closed day are those that were there when it was sealed."""
    yield from unsealed("sealed_lines_are_unchanged", seals.LINES)


def unsealed(rule: str, chain: seals.Chain) -> Iterator[Finding]:
    """What is not as it was sealed, as findings of this rule."""
    for row, says in seals.faults(chain, counts=_counts_of(chain)):
        yield Finding(rule, row, says)


def is_counted(day: date, today: date) -> bool:
    """Every sealed day in its turn, and the newest each time."""
    age = (today - day).days
    return age <= COUNTED_DAYS or age % COUNTED_SHARE == 0


def is_counted_at_night(day: date, today: date, first: date) -> bool:
    """Old days in their turn: one in so many that a night counts COUNTED_DAYS of them at most,
    however many there are. The share doubles, since who changes it every week skips turns."""
    share = COUNTED_SHARE
    while share * COUNTED_DAYS < (today - first).days:
        share *= 2
    return (today - day).days % share == 0


def _counts_of(chain: seals.Chain) -> Callable[[date], bool]:
    since, today, seal = reach.since(), clock.today(), chain.seals().first()
    first = seal.day if seal else today

    def counts(day: date) -> bool:
        is_old = since is not None and day <= since
        turn = is_counted_at_night(day, today, first) if is_old else is_counted(day, today)
        return _counts_all.get() or turn

    return counts
