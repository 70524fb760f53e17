"""A draft that nobody paid in time closes."""

from datetime import datetime

from django.db import transaction

from packets import tickets
from packets.models import RedPacket
from packets.states import PayStatus
from redpacket_site.kit import retry
from redpacket_site.kit.moves import move


@retry.unit
def close(*, packet: RedPacket, now: datetime) -> bool:
    """Close a draft past its time; False when it was paid or closed in the meantime.

    Races: a payer and this sweep want the same row; `draft_until` in the WHERE lets one through.
    Spec:  1.7, api.md (state `closed`)
    """
    draft = RedPacket.objects.filter(
        pk=packet.pk, pay_status=PayStatus.UNPAID, draft_until__lte=now
    )
    closed = move(draft, closed_at=now, draft_until=None)
    if closed:
        transaction.on_commit(lambda: tickets.forget(packet.public_id))
    return closed
