"""The release before this one: its last migrations, its tables, and how it closed a day."""

from datetime import date, datetime, time, timedelta

from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone

from tests.upgrades.before import BASELINE
from wallets import daily
from wallets.models import DailyFigure, DailySummary, LedgerLine

Unknown = dict[str, set[str] | None]

# What workers of development did not know of that, before 1.0.0: tables that they left empty (None)
# and columns that they did not write. Code that takes what they left is there still.
UNKNOWN: Unknown = {
    "kit.credentials": None,
    "kit.duty": None,
    "kit.event": {"pieces"},
    "kit.filling": None,
    "kit.heartbeat": None,
    "kit.turn": None,
    "office.exportjob": {"lease", "leased_until"},
    "office.staffaction": {"booked_on", "changes", "once"},
    "packets.group": None,
    "packets.yearsofar": None,
    "packets.redpacket": {"forget_at"},
    "packets.settlementpass": {"lease", "leased_until"},
    "packets.share": {"for_user"},
    "payments.apart": None,
    "payments.trade": None,
    "payments.bill": {
        *(
            "apart_at",
            "due_at",
            "lease",
            "leased_until",
            "missing",
            "refunded",
            "says",
            "state",
            "tries",
        ),
    },
    "payments.case": {"held"},
    "payments.channelrefund": {"billed_on", "lease", "leased_until", "settle_date", "their_no"},
    "payments.notification": {"address", "digest", "emptied_at", "merchant", "size"},
    "payments.paymentorder": {"billed_on", "lease", "leased_until", "merchant", "settle_date"},
    "wallets.openday": None,
    "wallets.seal": None,
    "wallets.adjustment": {"case_id"},
    "wallets.dailysummary": {"is_booked"},
    "wallets.ledgerline": {"booked_on"},
}


def targets() -> list[tuple[str, str]]:
    """The release's state: its own migrations and the libraries' newest."""
    loader = MigrationLoader(connection)
    others = [leaf for leaf in loader.graph.leaf_nodes() if leaf[0] not in BASELINE]
    return [*BASELINE.items(), *others]


def models(unknown: Unknown) -> list:
    """The release's own models: what its workers read and write. Parents before children."""
    apps = MigrationLoader(connection).project_state(targets()).apps
    every = [model for label in BASELINE for model in apps.get_app_config(label).get_models()]
    left = [model for model in every if unknown.get(model._meta.label_lower, set()) is not None]
    ordered: list = []
    while left:
        ready = [model for model in left if not (parents(model) - {model}) & set(left)]
        ordered += ready
        left = [model for model in left if model not in ready]
    return ordered


def columns(model, unknown: Unknown) -> list[str]:
    """What its workers write of a row; the database knows the rest (`db_default`, NULL)."""
    left_out = unknown.get(model._meta.label_lower) or set()
    fields = [field for field in model._meta.concrete_fields if not field.generated]
    return [field.column for field in fields if field.attname not in left_out]


def parents(model) -> set:
    return {field.related_model for field in model._meta.concrete_fields if field.is_relation}


def close_days(now: datetime) -> None:
    """As they did: a day is the range of keys up to the first line of the next one."""
    while (day := _next_day()) and _midnight_after(day) + timedelta(minutes=10) <= now:
        last_closed = DailySummary.objects.order_by("-last_id").first()
        before = last_closed.last_id if last_closed else 0
        fresh = LedgerLine.objects.filter(id__gt=before).order_by("id")
        beyond = fresh.filter(created_at__gte=_midnight_after(day)).first()
        newest = fresh.last()
        last = beyond.pk - 1 if beyond else newest.pk if newest else before
        figures = daily.figures_of(LedgerLine.objects.filter(id__gt=before, id__lte=last))
        summary = DailySummary.objects.create(
            day=day, first_id=before + 1, last_id=last, closed_at=now
        )
        DailyFigure.objects.bulk_create(daily.rows_of(summary, figures))


def _next_day() -> date | None:
    if closed := DailySummary.objects.order_by("-day").first():
        return closed.day + timedelta(days=1)
    first = LedgerLine.objects.order_by("id").first()
    return first and timezone.localdate(first.created_at)


def _midnight_after(day: date) -> datetime:
    zone = timezone.get_default_timezone()
    return datetime.combine(day + timedelta(days=1), time.min, tzinfo=zone)
