"""What moved, by hour and by day. A colour has one meaning on every page, packets' bars included:
what was issued, taken, returned, is still in packets, came through which channel."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext_lazy as _

from kit.money import ZERO
from office.frame.charts import Chart, Series
from office.frame.dossier import page_of
from payments.states import CHANNELS
from wallets import accounts, daily
from wallets.models import DailyFigure, DailySummary
from wallets.states import LineKind

# The tone, which is the colour's name: its label, and the kinds of lines that it adds up.
MOVED = {
    "issued": (_("issued"), (LineKind.SEND, LineKind.CHANNEL_PAY)),
    "taken": (_("taken"), (LineKind.GRAB,)),
    "returned": (_("returned"), (LineKind.EXPIRY_REFUND,)),
    "topped_up": (_("topped up"), (LineKind.TOPUP,)),
}
DRAWN = ("issued", "taken", "returned")


def by_hour(hours: Mapping[tuple[int, int], Decimal]) -> Chart:
    series = [
        Series(
            tone,
            label,
            [sum((hours.get((hour, kind), ZERO) for kind in kinds), ZERO) for hour in range(24)],
        )
        for tone, (label, kinds) in ((tone, MOVED[tone]) for tone in DRAWN)
    ]
    is_early = all(hour < 12 for hour, _kind in hours)
    return Chart(_("Today by hour"), [f"{hour:02d}" for hour in range(24)], series, (), is_early)


def by_day(summaries: list[DailySummary], when: Any) -> list[Chart]:
    """What moved on these days, what came through each channel, and what was left in packets."""
    figures = DailyFigure.objects.filter(summary__in=[summary.pk for summary in summaries])
    days: dict[int, list[DailyFigure]] = defaultdict(list)
    for figure in figures:
        days[figure.summary_id].append(figure)
    own = [days[summary.pk] for summary in summaries]

    def sums(which: Callable[[DailyFigure], bool]) -> list[Decimal]:
        return [sum((each.amount for each in day if which(each)), ZERO) for day in own]

    moved = [
        Series(tone, label, sums(lambda each, kinds=kinds: each.kind in kinds))
        for tone, (label, kinds) in ((tone, MOVED[tone]) for tone in DRAWN)
    ]
    names = {channel: accounts.clearing(channel.word) for channel in CHANNELS}
    arrived = [
        Series(channel.word, channel.label, sums(lambda each, name=name: each.source == name))
        for channel, name in names.items()
    ]
    into = sums(lambda each: each.target == "escrow")
    out_of = sums(lambda each: each.source == "escrow")
    left = [daily.held(summaries[-1]).get("escrow", ZERO)]  # and backwards from there
    for came, went in list(zip(into, out_of, strict=True))[:0:-1]:
        left.append(left[-1] - came + went)
    outstanding = [Series("waiting", _("in packets at the close"), left[::-1])]
    labels = [f"{summary.day:%m-%d}" for summary in summaries]
    urls = [page_of(summary) for summary in summaries]
    charts = [
        Chart(_("Moved, %(when)s") % {"when": when}, labels, moved, urls),
        Chart(_("Outstanding in packets, %(when)s") % {"when": when}, labels, outstanding, urls),
        Chart(_("Arrived through channels, %(when)s") % {"when": when}, labels, arrived, urls),
    ]
    return [chart for chart in charts if chart.drawn()]
