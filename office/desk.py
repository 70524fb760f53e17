"""The day at a glance: figures that lead to their rows, each for those who may see these.

Nothing here reads a table that grows: balances are those of the last closed day and the lines after
it, queues are counted to a limit, ages are the first row of an index.
"""
# Long: every figure of one page, each with its bound.

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.core.cache import caches
from django.db.models import Case as Switch
from django.db.models import IntegerField, Q, QuerySet, Value, When
from django.utils.http import urlencode
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from kit import clock
from kit.money import ZERO, fen_sum, from_fen
from office.frame.charts import Chart, Series
from office.frame.dossier import list_of, page_of
from office.pages.wallets.day_filters import TODAY
from office.waiting import COUNTED, FOR_STAFF, Queue, late_bills
from packets.models import RedPacket, SettlementPass
from payments import bills
from payments.models import Bill
from payments.states import CHANNELS
from wallets import accounts, book, daily
from wallets.models import AuditRun, DailyFigure, DailySummary, LedgerLine, Wallet
from wallets.states import LineKind

DAYS = 30
# Above so many lines since the last closing their sums are remembered for a moment.
FEW_LINES, REMEMBERED_S = 20_000, 15

ISSUED = (LineKind.SEND, LineKind.CHANNEL_PAY)
SERIES = (
    ("taken", "issued", ISSUED),
    ("waiting", "taken", (LineKind.GRAB,)),
    ("returned", "returned", (LineKind.EXPIRY_REFUND,)),
)
ANOTHER_DAY = -1


@dataclass(frozen=True, slots=True)
class Figure:
    label: Any
    value: Any
    url: str = ""
    note: Any = ""
    tone: str = ""  # warn: somebody should look


@dataclass
class Block:
    title: Any
    figures: list[Figure] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Ledger:
    """What every group of accounts holds now, and what moved today, by hour and kind."""

    balances: dict[str, Decimal]
    hours: dict[tuple[int, int], Decimal]

    def today(self, kinds) -> Decimal:
        return sum((yuan for (_, kind), yuan in self.hours.items() if kind in kinds), ZERO)


def blocks(user) -> tuple[list[Block], list[Chart]]:
    """What this member of staff may see, in the order in which it matters."""
    now = clock.now()
    found, charts = [_work(user, now)], []
    if user.has_perm("wallets.view_dailysummary"):
        ledger = ledger_now()
        found += [_today(ledger), _held(ledger)]
        charts = [_by_hour(ledger), *_by_day()]
    found.append(_running(user, now))
    return [block for block in found if block.figures], charts


# --- money


def ledger_now() -> Ledger:
    """The ledger after the last closed day, added to what that day held at its close."""
    book.catch_up(now=clock.now())
    last = daily.last_closed()
    fresh = LedgerLine.objects.filter(daily.lines_after(last))
    if fresh.values("pk")[: FEW_LINES + 1].count() <= FEW_LINES:
        return _sum(last, fresh)
    key = f"dashboard:{last}:{daily.midnight():%F}"
    return caches["process"].get_or_set(key, lambda: _sum(last, fresh), REMEMBERED_S)


def _sum(last: DailySummary | None, fresh: QuerySet) -> Ledger:
    balances = defaultdict(lambda: ZERO, daily.held(last) if last else {})
    hours: dict[tuple[int, int], Decimal] = defaultdict(lambda: ZERO)
    moved = (
        fresh.values("kind", out_of=daily.group("source"), into=daily.group("target"), hour=_hour())
        .annotate(fen=fen_sum("amount"))
        .order_by()
    )
    for row in moved:
        amount = from_fen(row["fen"])
        balances[row["out_of"]] -= amount
        balances[row["into"]] += amount
        if row["hour"] != ANOTHER_DAY:
            hours[row["hour"], row["kind"]] += amount
    return Ledger(dict(balances), dict(hours))


def _hour() -> Switch:
    """The hour, in the service's zone, which the database may not know, of what is in today's
    books. A straggler of yesterday is in the first, what is dated ahead in the last."""
    begin, today = daily.midnight(), Q(booked_on=clock.today())
    hours = [
        When(today, created_at__lt=begin + timedelta(hours=hour + 1), then=Value(hour))
        for hour in range(23)
    ]
    return Switch(
        *hours,
        When(today, then=Value(23)),
        default=Value(ANOTHER_DAY),
        output_field=IntegerField(),
    )


def _lines(**given: Any) -> str:
    return f"{list_of(LedgerLine)}?{urlencode(given)}"


def _yuan(amount: Decimal) -> str:
    return f"{amount:,.2f}"


def _today(ledger: Ledger) -> Block:
    kinds = [
        (_("issued, by balance"), LineKind.SEND),
        (_("issued, through channels"), LineKind.CHANNEL_PAY),
        (_("taken and credited"), LineKind.GRAB),
        (_("returned"), LineKind.EXPIRY_REFUND),
        (_("topped up"), LineKind.TOPUP),
    ]
    return Block(
        _("Today (yuan)"),
        [
            Figure(
                label,
                _yuan(ledger.today((kind,))),
                _lines(kind__exact=kind.value, booked_on__day=TODAY),
            )
            for label, kind in kinds
        ],
    )


def _held(ledger: Ledger) -> Block:
    """Money at rest. A channel's clearing account is below zero by what it owes us."""
    balance = ledger.balances.get
    suspense = balance(accounts.SUSPENSE, ZERO)
    channels = [
        Figure(
            _("%(channel)s owes us") % {"channel": channel.label},
            _yuan(-balance(accounts.clearing(channel.word), ZERO)),
            _lines(q=accounts.clearing(channel.word)),
        )
        for channel in CHANNELS
    ]
    return Block(
        _("Held now (yuan)"),
        [
            Figure(_("escrow (in packets)"), _yuan(balance("escrow", ZERO)), list_of(RedPacket)),
            Figure(_("wallets"), _yuan(balance("wallets", ZERO)), list_of(Wallet)),
            *channels,
            Figure(
                _("suspense"),
                _yuan(suspense),
                _lines(q=accounts.SUSPENSE),
                tone="warn" if suspense else "",
            ),
            Figure(
                _("platform"),
                _yuan(balance(accounts.PLATFORM, ZERO)),
                _lines(q=accounts.PLATFORM),
            ),
        ],
    )


def _by_hour(ledger: Ledger) -> Chart:
    hours = range(24)
    return Chart(
        _("Today by hour"),
        [f"{hour:02d}" for hour in hours],
        [
            Series(
                tone,
                _series_label(word),
                [
                    sum((ledger.hours.get((hour, kind), ZERO) for kind in kinds), ZERO)
                    for hour in hours
                ],
            )
            for tone, word, kinds in SERIES
        ],
    )


def _by_day() -> list[Chart]:
    summaries = list(DailySummary.objects.order_by("-day")[:DAYS])[::-1]
    if not summaries:
        return []
    rows = (
        DailyFigure.objects.filter(summary__in=[summary.pk for summary in summaries])
        .values("summary", "kind")
        .annotate(fen=fen_sum("amount"))
        .order_by()
    )
    moved = {(row["summary"], row["kind"]): from_fen(row["fen"]) for row in rows}
    series = [
        Series(
            tone,
            _series_label(word),
            [
                sum((moved.get((summary.pk, kind), ZERO) for kind in kinds), ZERO)
                for summary in summaries
            ],
        )
        for tone, word, kinds in SERIES
    ]
    labels = [f"{summary.day:%m-%d}" for summary in summaries]
    title = _("Closed days (the last %(days)d)") % {"days": DAYS}
    return [Chart(title, labels, series, [page_of(summary) for summary in summaries])]


def _series_label(word: str) -> str:
    return {"issued": _("issued"), "taken": _("taken"), "returned": _("returned")}[word]


# --- work that waits


def _queue(queue: Queue, now: datetime) -> Figure:
    """How many wait, and for how long the first of them."""
    number, oldest = queue.measured(now)
    note = _("the oldest for %(age)s") % {"age": timesince(oldest, now)} if oldest else ""
    shown = f"{COUNTED}+" if number > COUNTED else str(number)
    url = f"{list_of(queue.rows(now).model)}?{urlencode(queue.shown_by)}"
    return Figure(queue.label, shown, url, note, "warn" if number else "")


def _work(user, now: datetime) -> Block:
    shown = [queue for queue in FOR_STAFF if user.has_perm(queue.permission)]
    block = Block(_("Waiting for somebody"), [_queue(queue, now) for queue in shown])
    if user.has_perm("payments.view_bill"):
        block.figures.append(_late_bills(now))
    return block


def _late_bills(now: datetime) -> Figure:
    days = late_bills(now)
    age = timesince(bills.usual(days[0]), now) if days else ""
    note = _("the oldest for %(age)s") % {"age": age} if days else ""
    tone = "warn" if days else ""
    return Figure(_("bills that have not come"), len(days), list_of(Bill), note, tone)


def _running(user, now: datetime) -> Block:
    block = Block(_("What runs by itself"))
    if user.has_perm("packets.view_redpacket"):
        block.figures.append(_settlement_lag(now))
    if user.has_perm("wallets.view_auditrun"):
        block.figures.append(_last_audit(now))
    if user.has_perm("wallets.view_dailysummary"):
        last = DailySummary.objects.order_by("-day").first()
        value = last.day.isoformat() if last else "-"
        is_late = last and daily.midnight_after(last.day) < now - CLOSED_WITHIN
        block.figures.append(
            Figure(
                _("last closed day"),
                value,
                list_of(DailySummary),
                tone="warn" if is_late else "",
            )
        )
    return block


LATE_AFTER = timedelta(seconds=30)
CLOSED_WITHIN = timedelta(days=1, minutes=30)  # since the midnight that ended the last closed day


def _settlement_lag(now: datetime) -> Figure:
    """How long the oldest settlement pass has been due: the sweep takes it within seconds."""
    due = SettlementPass.objects.filter(run_at__lte=now).order_by("run_at")
    oldest = due.select_related("packet").first()
    if oldest is None:
        return Figure(_("settlement lag"), _("none"))
    lag = now - oldest.run_at
    return Figure(
        _("settlement lag"),
        _("%(seconds)d s") % {"seconds": lag.total_seconds()},
        page_of(oldest.packet),
        tone="warn" if lag > LATE_AFTER else "",
    )


def _last_audit(now: datetime) -> Figure:
    last = AuditRun.objects.order_by("-pk").first()
    if last is None:
        return Figure(_("audit"), _("never run"), list_of(AuditRun), tone="warn")
    said = _("%(findings)d findings") % {"findings": last.findings} if last.findings else _("clean")
    note = _("%(age)s ago") % {"age": timesince(last.began_at, now)}
    return Figure(_("audit"), said, page_of(last), note, "warn" if last.findings else "")
