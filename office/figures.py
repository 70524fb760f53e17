"""Is money moving? What the database says of it, for Prometheus: whichever process is asked tells
the same. Amounts in yuan, ages in seconds."""

from collections.abc import Iterator

from django.db import Error
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from kit import clock
from kit.money import ZERO
from kit.plumbing import metrics
from office import desk, waiting
from office.shown.accounts import GROUPS
from wallets import daily
from wallets.models import AuditRun


class Money(Collector):
    """Nothing at all while the database is away: an alert on its absence tells."""

    def collect(self) -> Iterator[Metric]:
        try:
            yield from [*_queues(), _held(), *_closing()]
        except Error:
            return


def register() -> None:
    metrics.SHARED.register(Money())


def _queues() -> Iterator[Metric]:
    now = clock.now()
    number = GaugeMetricFamily(
        "hongbao_waiting", "Rows that wait, counted to 1,001", labels=["queue"]
    )
    age = GaugeMetricFamily(
        "hongbao_waiting_seconds", "For how long the first of them waits", labels=["queue"]
    )
    for queue in (*waiting.FOR_STAFF, *waiting.FOR_SWEEPS):
        count, oldest = queue.measured(now)
        number.add_metric([queue.name], count)
        age.add_metric([queue.name], (now - oldest).total_seconds() if oldest else 0)
    number.add_metric(["bill"], len(waiting.late_bills(now)))
    yield number
    yield age


def _held() -> Metric:
    """What every group of accounts holds: escrow is what is outstanding in packets."""
    held = GaugeMetricFamily("hongbao_held_yuan", "Held by these accounts", labels=["account"])
    balances = desk.ledger_now().balances
    for account in GROUPS:
        held.add_metric([account], float(balances.get(account, ZERO)))
    return held


def _closing() -> Iterator[Metric]:
    now = clock.now()
    if last := daily.last_closed():
        yield GaugeMetricFamily(
            "hongbao_closed_day_seconds",
            "Since the midnight that ended the last closed day",
            (now - daily.midnight_after(last.day)).total_seconds(),
        )
    if run := AuditRun.objects.order_by("-pk").first():
        yield GaugeMetricFamily(
            "hongbao_audit_seconds",
            "Since the last audit began",
            (now - run.began_at).total_seconds(),
        )
        yield GaugeMetricFamily("hongbao_audit_findings", "What the last audit found", run.findings)
