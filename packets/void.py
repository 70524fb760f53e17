"""Reported, never paid: the packet is void (作废), and nobody is credited."""

from datetime import datetime

from django.db import transaction

from packets import tickets
from packets.models import RedPacket, Share
from packets.states import PayStatus
from payments.models import PaymentOrder
from payments.states import PAYABLE
from redpacket_site.kit import outbox


def ended(order: PaymentOrder, now: datetime) -> None:
    """One of the packet's orders will never be paid: void the packet unless another one may be.

    For use inside the transaction that ends the order.
    Races:   void, confirmation: both want `voided_at IS NULL AND pay_status = 2` of the packet row,
             so one lets the other find it changed. Two orders that end at once take turns on that
             row first; otherwise each would read the other as still payable.
    Repeats: a packet is voided once.
    Spec:    2.6
    """
    awaiting = RedPacket.objects.filter(
        public_id=order.reference, pay_status=PayStatus.AWAITING, voided_at=None
    )
    if not awaiting.update(pay_status=PayStatus.AWAITING):  # takes the lock, changes nothing
        return
    others = PaymentOrder.objects.filter(reference=order.reference, status__in=PAYABLE)
    if not others.exclude(pk=order.pk).exists():
        _void(awaiting.get(), now)


def _void(packet: RedPacket, now: datetime) -> None:
    """Close first, count after: closing waits for grabs in flight, then the takers are all there.

    The packet's row is ours already. Nothing that holds a share wants it meanwhile: an awaiting
    packet is neither refunded nor settled, and a grab only reads it, without a lock.
    """
    RedPacket.objects.filter(pk=packet.pk).update(voided_at=now)
    shares = Share.objects.filter(rp=packet)
    shares.filter(user_id=None, is_returned=False).update(is_returned=True)
    taken = shares.filter(user_id__isnull=False).order_by("update_time", "pk")
    outbox.tell(
        "packet.voided",
        now=now,
        packet=packet.public_id,
        for_id=packet.for_id,
        user_id=packet.user_id,
        takers=list(taken.values_list("user_id", flat=True)),
    )
    transaction.on_commit(lambda: tickets.forget(packet.public_id))
