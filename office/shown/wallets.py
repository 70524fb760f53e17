"""What pages show of accounts and adjustments."""

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from kit.telling import told
from office.frame.columns import cells, maker
from office.frame.dossier import Section, moment, table, to, toned
from office.shown.accounts import account
from payments.models import ChannelRefund
from payments.states import RefundStatus
from wallets.models import Adjustment
from wallets.states import AdjustmentStatus, LineKind

adjustment_status = toned(
    "status",
    AdjustmentStatus,
    proposed="awaiting",
    approved="open",
    rejected="closed",
    withdrawn="closed",
)


def eyes(row) -> Section:
    """Who proposed and who decided, why, and on what evidence: on a ledger line's page, too."""
    return Section(
        _("Four eyes"),
        [_("step"), _("who"), _("when"), _("reason"), _("attachment")],
        [
            [
                pgettext("step", "proposed"),
                maker(row),
                moment(row.proposed_at),
                told(row.reason),
                row.attachment or "-",
            ],
            [decision(row), decided_by(row) or "-", moment(row.decided_at), "", ""],
        ],
        name="eyes",
    )


REFUSED = {
    Adjustment: (AdjustmentStatus.REJECTED, AdjustmentStatus.WITHDRAWN),
    ChannelRefund: (RefundStatus.REJECTED, RefundStatus.WITHDRAWN),
}


def decision(row) -> str:
    """What was decided then, whatever became of it since."""
    if not row.decided_at:
        return pgettext("step", "to be decided")
    return row.get_status_display() if row.status in REFUSED[type(row)] else _("approved")


def decided_by(row):
    """Its checker, or its maker who took it back; a refund may have gone with its case, too."""
    is_own = isinstance(row, Adjustment) and row.status == AdjustmentStatus.WITHDRAWN
    return row.maker if is_own else row.checker


def adjusted_by(request, line):
    """On a ledger line's page: the adjustment behind it."""
    row = Adjustment.objects.filter(reference=line.reference).select_related("maker", "checker")
    return eyes(row[0]) if line.kind == LineKind.ADJUSTMENT and row else None


def adjustment_rows(adjustments) -> Section:
    columns = [
        (_("reference"), lambda row: to(row, row.reference)),
        *cells(Adjustment, "amount"),
        (_("status"), adjustment_status),
        (_("source"), lambda row: account(row.source)),
        (_("target"), lambda row: account(row.target)),
        *cells(Adjustment, "proposed_at"),
    ]
    return table(_("Adjustments"), adjustments, columns, "adjustments")
