"""What ledger lines are for, and the states of an adjustment. No queries (docs/states.md)."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from kit.decisions import DECISION_MOVES, UNDECIDED, Decision

__all__ = ["ADJUSTMENT_MOVES", "UNDECIDED", "AdjustmentStatus", "LineKind"]


class LineKind(models.IntegerChoices):
    """Why money moved, and between which accounts (see accounts.py)."""

    SEND = 1, _("Sent red packet")  # wallet -> escrow
    GRAB = 2, _("Grabbed red packet")  # escrow -> wallet
    EXPIRY_REFUND = 3, _("Expired red packet returned")  # escrow -> wallet
    TOPUP = 4, _("Top-up")  # clearing -> wallet
    ADJUSTMENT = 5, _("Adjustment")  # platform <-> wallet <-> suspense, suspense -> platform
    CHANNEL_PAY = 6, _("Paid through a channel")  # clearing -> escrow
    SUSPENSE = 7, _("Arrived without an owner")  # clearing <-> suspense
    CHANNEL_REFUND = 8, _("Refunded through the channel")  # suspense or wallet -> clearing


# Of a manual adjustment (调账).
AdjustmentStatus = Decision
ADJUSTMENT_MOVES = DECISION_MOVES
