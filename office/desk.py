"""The day at a glance: figures that lead to their rows, each for those who may see these.

Nothing here reads a table that grows: balances are those of the last closed day and the lines after
it, queues are counted to a limit, ages are the first row of an index.
"""

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
from django.utils.translation import ngettext

from kit import clock
from kit.money import ZERO, fen_sum, from_fen
from office.frame.charts import Chart
from office.frame.dossier import list_of, page_of
from office.pages.payments import late_bills as late_page
from office.pages.wallets import held
from office.pages.wallets.day_filters import TODAY
from office.shown.accounts import GROUPS, owed
from office.shown.charts import by_day, by_hour
from office.waiting import COUNTED, FOR_STAFF, Queue, late_bills
from packets.models import SettlementPass
from payments import bills
from payments.states import CHANNELS
from wallets import accounts, book, daily
from wallets.models import AuditRun, DailySummary, LedgerLine
from wallets.states import LineKind

DAYS = 30
# Above so many lines since the last closing their sums are remembered for a moment.
FEW_LINES, REMEMBERED_S = 20_000, 15

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
        charts = [by_hour(ledger.hours), *_by_day()]
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
    """Money at rest, each account leading to what it is made of. A channel's clearing account is
    below zero by what it owes us."""
    words = {
        "escrow": _("escrow (in packets)"),
        "wallets": _("wallets"),
        accounts.SUSPENSE: _("suspense"),
        accounts.PLATFORM: _("platform"),
        **{
            accounts.clearing(channel.word): _("%(channel)s owes us") % {"channel": channel.label}
            for channel in CHANNELS
        },
    }
    figures = []
    for name in GROUPS:
        balance = ledger.balances.get(name, ZERO)
        balance = ZERO - balance if owed(name) else balance
        tone = "warn" if name == accounts.SUSPENSE and balance else ""
        figures.append(Figure(words[name], _yuan(balance), held.url_of(name), tone=tone))
    return Block(_("Held now (yuan)"), figures)


def _by_day() -> list[Chart]:
    summaries = list(DailySummary.objects.order_by("-day")[:DAYS])[::-1]
    if not summaries:
        return []
    return by_day(summaries, _("the last %(days)d closed days") % {"days": DAYS})


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
    late = late_bills(now)
    age = timesince(bills.usual(late[0][0]), now) if late else ""
    note = _("the oldest for %(age)s") % {"age": age} if late else ""
    tone = "warn" if late else ""
    return Figure(_("bills that have not come"), len(late), late_page.url(), note, tone)


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
    found = ngettext("%(findings)d finding", "%(findings)d findings", last.findings)
    said = found % {"findings": last.findings} if last.findings else _("clean")
    note = _("%(age)s ago") % {"age": timesince(last.began_at, now)}
    return Figure(_("audit"), said, page_of(last), note, "warn" if last.findings else "")
