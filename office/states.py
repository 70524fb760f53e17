"""The states of a change of a staff account. No ORM, no queries (docs/states.md)."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class ChangeStatus(models.IntegerChoices):
    """A change of a staff account under four eyes."""

    PROPOSED = 0, _("proposed")
    APPROVED = 1, _("approved")
    REJECTED = 2, _("rejected")
    WITHDRAWN = 3, _("withdrawn")  # by its maker, before anybody decided


# Nobody has decided about these: they have no checker.
UNDECIDED = (ChangeStatus.PROPOSED, ChangeStatus.WITHDRAWN)

# from -> to; a decision is final, a mistake is corrected by another change.
CHANGE_MOVES = {
    ChangeStatus.PROPOSED: {ChangeStatus.APPROVED, ChangeStatus.REJECTED, ChangeStatus.WITHDRAWN},
    ChangeStatus.APPROVED: set(),
    ChangeStatus.REJECTED: set(),
    ChangeStatus.WITHDRAWN: set(),
}
