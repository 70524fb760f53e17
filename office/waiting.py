"""What waits: for somebody of the staff, or for what runs by itself. The desk shows the first kind,
/metrics tells both. Counted to a limit, ages by the first row of an index: no table is read whole.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from packets import refund, settle
from packets.models import RefundReview
from packets.states import ReviewState
from payments import chase, send_refund
from payments.models import Case, ChannelRefund
from payments.states import CaseKind, CaseStatus, RefundStatus
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


def _of_staff(name: str, label: Any, rows: QuerySet, since: str, **shown_by: Any) -> Queue:
    model = rows.model._meta
    return Queue(
        name,
        lambda now: rows.all(),
        since,
        label=label,
        permission=f"{model.app_label}.view_{model.model_name}",
        shown_by={f"{column}__exact": choice.value for column, choice in shown_by.items()},
    )


OPEN_CASES = Case.objects.filter(status=CaseStatus.OPEN)
FOR_STAFF = (
    _of_staff(
        "review",
        _("refunds to review"),
        RefundReview.objects.filter(state=ReviewState.OPEN),
        "created_at",
        state=ReviewState.OPEN,
    ),
    _of_staff(
        "disputed_review",
        _("disputed refunds"),
        RefundReview.objects.filter(state=ReviewState.DISPUTED),
        "created_at",
        state=ReviewState.DISPUTED,
    ),
    _of_staff(
        "proposed_channel_refund",
        _("channel refunds to decide"),
        ChannelRefund.objects.filter(status=RefundStatus.PROPOSED),
        "proposed_at",
        status=RefundStatus.PROPOSED,
    ),
    _of_staff(
        "proposed_adjustment",
        _("adjustments to decide"),
        Adjustment.objects.filter(status=AdjustmentStatus.PROPOSED),
        "proposed_at",
        status=AdjustmentStatus.PROPOSED,
    ),
    _of_staff("case", _("open cases"), OPEN_CASES, "created_at", status=CaseStatus.OPEN),
    _of_staff(
        "awaiting_long",
        _("awaiting their money for more than a day"),
        OPEN_CASES.filter(kind=CaseKind.AWAITING_LONG),
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
