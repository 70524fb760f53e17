"""A case is somebody's: he takes it upon himself, and lays it down again."""

from datetime import datetime

from kit import retry
from kit.moves import move
from payments.models import Case
from payments.states import CaseStatus


@retry.unit
def take(
    *,
    case_id: int,
    staff_id: int,
    seen_owner_id: int | None,
    now: datetime,
    also: retry.Also | None = None,
) -> bool:
    """Make an open case one's own; False when it is no longer whose it was seen to be.

    Money:   none moves; whoever may resolve a case may resolve another one's.
    Races:   the owner who was seen stands in the row's WHERE: of two who take it at once one gets
             it, and the other is told.
    Repeats: it is his already: False.
    """
    if seen_owner_id == staff_id:
        return False
    seen = Case.objects.filter(pk=case_id, status=CaseStatus.OPEN, owner_id=seen_owner_id)
    return move(seen, owner_id=staff_id)


@retry.unit
def leave(*, case_id: int, staff_id: int, now: datetime, also: retry.Also | None = None) -> bool:
    """Lay down what is one's own, for anybody to take; False when it is not.

    Races:   the owner stands in the row's WHERE.
    Repeats: nobody's any more: False.
    """
    return move(Case.objects.filter(pk=case_id, owner_id=staff_id), owner_id=None)
