"""What pages show of accounts and adjustments."""

from django.utils.translation import gettext as _

from kit.telling import told
from office.frame.dossier import Section, badge, moment, to, yuan
from office.shown.accounts import account
from payments.models import ChannelRefund
from payments.states import RefundStatus
from wallets.models import Adjustment
from wallets.states import AdjustmentStatus, LineKind

_ADJUSTMENT_TONES = {
    AdjustmentStatus.PROPOSED: "awaiting",
    AdjustmentStatus.APPROVED: "open",
    AdjustmentStatus.REJECTED: "closed",
    AdjustmentStatus.WITHDRAWN: "closed",
}


def adjustment_status(row) -> str:
    return badge(_ADJUSTMENT_TONES[row.status], row.get_status_display())


def eyes(row) -> Section:
    """Who proposed and who decided, why, and on what evidence: on a ledger line's page, too."""
    return Section(
        _("Four eyes"),
        [_("step"), _("who"), _("when"), _("reason"), _("attachment")],
        [
            [
                _("proposed"),
                row.maker or _("system"),
                moment(row.proposed_at),
                told(row.reason),
                row.attachment or "-",
            ],
            [
                decision(row),
                row.checker or "-",
                moment(row.decided_at),
                "",
                "",
            ],
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
        return _("to be decided")
    return row.get_status_display() if row.status in REFUSED[type(row)] else _("approved")


def adjusted_by(request, line):
    """On a ledger line's page: the adjustment behind it."""
    row = Adjustment.objects.filter(reference=line.reference).select_related("maker", "checker")
    return eyes(row[0]) if line.kind == LineKind.ADJUSTMENT and row else None


def adjustment_rows(adjustments) -> Section:
    columns = [_("reference"), _("status"), _("amount"), _("source"), _("target"), _("proposed at")]
    rows = [
        [
            to(row, row.reference),
            adjustment_status(row),
            yuan(row.amount),
            account(row.source),
            account(row.target),
            moment(row.proposed_at),
        ]
        for row in adjustments
    ]
    return Section(_("Adjustments"), columns, rows, name="adjustments")
