"""What becomes of a proposal under four eyes. No ORM, no queries (docs/states.md)."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Decision(models.IntegerChoices):
    PROPOSED = 0, _("proposed")
    APPROVED = 1, _("approved")
    REJECTED = 2, _("rejected")
    WITHDRAWN = 3, _("withdrawn")  # by its maker, before anybody decided


# Nobody has decided about these: they have no checker.
UNDECIDED = (Decision.PROPOSED, Decision.WITHDRAWN)

# from -> to; a decision is final, a mistake is corrected by another proposal.
DECISION_MOVES = {
    Decision.PROPOSED: {Decision.APPROVED, Decision.REJECTED, Decision.WITHDRAWN},
    Decision.APPROVED: set[Decision](),
    Decision.REJECTED: set[Decision](),
    Decision.WITHDRAWN: set[Decision](),
}
