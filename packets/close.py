"""A draft that nobody paid in time closes."""

from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from packets import tickets
from packets.models import RedPacket
from packets.states import PayStatus
from payments.models import PaymentOrder
from payments.states import PAYABLE
from redpacket_site.kit import retry
from redpacket_site.kit.moves import move


@retry.unit
def close(*, packet: RedPacket, now: datetime) -> bool:
    """Close a draft past its time; False when it was paid or closed in the meantime, or can still
    be paid: a draft outlives its last order.

    Races: a payer and this sweep want the same row; `draft_until` in the WHERE lets one through.
    Spec:  1.7, api.md (state `closed`)
    """
    closed = move(due(now).filter(pk=packet.pk), closed_at=now, draft_until=None)
    if closed:
        transaction.on_commit(lambda: tickets.forget(packet.public_id))
    return closed


def due(now: datetime) -> QuerySet[RedPacket]:
    """Drafts past their time that no order can pay any more."""
    payable = PaymentOrder.objects.filter(reference=OuterRef("public_id"), status__in=PAYABLE)
    drafts = RedPacket.objects.filter(pay_status=PayStatus.UNPAID, draft_until__lte=now)
    return drafts.filter(~Exists(payable))
