"""What waits: for somebody of the staff, or for what runs by itself. The desk shows the first kind,
/metrics tells both. Counted to a limit, ages by the first row of an index: no table is read whole.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Model, QuerySet
from django.utils.translation import gettext_lazy as _

from packets import refund, settle
from packets.models import RefundReview
from packets.states import ReviewState
from payments import bill_days, chase, send_refund
from payments.channels import registry
from payments.models import Bill, Case, ChannelRefund
from payments.states import BillState, CaseKind, CaseStatus, PayType, RefundStatus
from wallets.models import Adjustment
from wallets.states import AdjustmentStatus

COUNTED = 1000
MISSED_WITHIN = timedelta(days=settle.MISSED_WITHIN_DAYS)
CREDITED_WITHIN = timedelta(minutes=3)  # by then both passes and the sweep behind them have been


@dataclass(frozen=True, slots=True)
class Queue:
    """Rows that wait, and since when. `first_by`: in which order an index gives the oldest."""

    name: str  # in /metrics
    rows: Callable[[datetime], QuerySet]
    since: str
    first_by: str = "pk"
    label: Any = ""
    permission: str = ""
    shown_by: Mapping[str, Any] = field(default_factory=dict)  # the list's filter

    def measured(self, now: datetime) -> tuple[int, datetime | None]:
        """How many wait, COUNTED + 1 for more than that; since when the first of them does."""
        rows = self.rows(now)
        oldest = rows.order_by(self.first_by).values_list(self.since, flat=True).first()
        return rows.order_by().values("pk")[: COUNTED + 1].count(), oldest


def _of_staff(name: str, label: Any, model: type[Model], since: str, **states: Any) -> Queue:
    """The rows in these states: what is counted is what the list shows."""
    return Queue(
        name,
        lambda now: model._default_manager.filter(**states),
        since,
        label=label,
        permission=f"{model._meta.app_label}.view_{model._meta.model_name}",
        shown_by={f"{column}__exact": state.value for column, state in states.items()},
    )


FOR_STAFF = (
    _of_staff("review", _("refunds to review"), RefundReview, "created_at", state=ReviewState.OPEN),
    _of_staff(
        "disputed_review",
        _("disputed refunds"),
        RefundReview,
        "created_at",
        state=ReviewState.DISPUTED,
    ),
    _of_staff(
        "proposed_channel_refund",
        _("channel refunds to decide"),
        ChannelRefund,
        "proposed_at",
        status=RefundStatus.PROPOSED,
    ),
    _of_staff(
        "proposed_adjustment",
        _("adjustments to decide"),
        Adjustment,
        "proposed_at",
        status=AdjustmentStatus.PROPOSED,
    ),
    _of_staff("case", _("open cases"), Case, "created_at", status=CaseStatus.OPEN),
    _of_staff(
        "awaiting_long",
        _("awaiting their money for more than a day"),
        Case,
        "created_at",
        kind=CaseKind.AWAITING_LONG,
        status=CaseStatus.OPEN,
    ),
)
FOR_SWEEPS = (
    Queue("settlement", settle.due, "run_at", "run_at"),
    Queue(
        "uncredited",
        lambda now: settle.missed(now - MISSED_WITHIN, now - CREDITED_WITHIN),
        "owed_at",
        "owed_at",
    ),
    Queue("expiry_refund", refund.due, "expire_time", "expire_time"),
    Queue("order", chase.due, "chase_at", "chase_at"),
    Queue("channel_refund", send_refund.due, "chase_at", "chase_at"),
)


def late_bills(now: datetime) -> list[tuple[date, PayType]]:
    """The days whose bills should have been compared by now, whether anybody tried or not, and
    those that were given up: each waits for somebody until its bill has come."""
    late = {
        (day, channel) for channel in registry.offered() for day in bill_days.late(channel, now)
    }
    given_up = Bill.objects.filter(state=BillState.FAILED).order_by("-pk")[:COUNTED]
    return sorted(late | {(bill.day, PayType(bill.pay_type)) for bill in given_up})
