"""Finance looks at refunds (退款复核): open -> reviewed or disputed -> settled.

A dispute freezes nothing by itself; it is shown on the packet's and the sender's page.
"""

from datetime import datetime
from decimal import Decimal

from django.utils.translation import gettext as _

from kit import retry
from kit.moves import move
from kit.refusals import Invalid
from packets.models import RedPacket, RefundReview
from packets.states import ReviewState

NOTE_MAX = 255


def put_forward(*, packet: RedPacket, amount: Decimal, now: datetime) -> RefundReview:
    """Queue a refund for finance; for use inside the refund's transaction.

    Repeats: one row a packet; the refund itself happens once.
    """
    return RefundReview.objects.create(
        packet=packet,
        user_id=packet.user_id,
        amount=amount,
        pay_type=packet.pay_type,
        created_at=now,
    )


@retry.unit
def decide(
    *,
    review_id: int,
    to: ReviewState,
    staff_id: int,
    now: datetime,
    note: str = "",
    also: retry.Also | None = None,
) -> bool:
    """Move one refund on; False when it is no longer where it can be moved from.

    Money:   none moves: the refund is in the sender's wallet already.
    Races:   the state in the UPDATE's WHERE: of two deciders one moves it.
    Repeats: the second one gets False.
    Raises:  Invalid (400) for a dispute without a note.
    Spec:    2.7
    """
    note = note.strip()[:NOTE_MAX]
    if to == ReviewState.DISPUTED and not note:
        raise Invalid(errors={"note": [_("A dispute needs a note.")]})
    row = RefundReview.objects.filter(pk=review_id)
    return move(row, to=to, note=note, decided_by_id=staff_id, decided_at=now)
