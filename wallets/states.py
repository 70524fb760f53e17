"""The states of an adjustment. No ORM, no queries (docs/states.md)."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class AdjustmentStatus(models.IntegerChoices):
    """A manual adjustment (调账) under four eyes."""

    PROPOSED = 0, _("proposed")
    APPROVED = 1, _("approved")
    REJECTED = 2, _("rejected")
    WITHDRAWN = 3, _("withdrawn")  # by its maker, before anybody decided


# Nobody has decided about these: they have no checker.
UNDECIDED = (AdjustmentStatus.PROPOSED, AdjustmentStatus.WITHDRAWN)

# from -> to; a decision is final, a mistake is corrected by another adjustment.
ADJUSTMENT_MOVES = {
    AdjustmentStatus.PROPOSED: {
        AdjustmentStatus.APPROVED,
        AdjustmentStatus.REJECTED,
        AdjustmentStatus.WITHDRAWN,
    },
    AdjustmentStatus.APPROVED: set(),
    AdjustmentStatus.REJECTED: set(),
    AdjustmentStatus.WITHDRAWN: set(),
}
