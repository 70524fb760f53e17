"""Reported, never paid: the packet is void (作废), and nobody is credited."""

from datetime import datetime

from django.db import transaction

from kit.moves import hold
from packets import news
from packets.models import RedPacket, Share
from packets.states import PayStatus
from packets.tickets import queue
from payments.models import PaymentOrder
from payments.states import PAYABLE


def ended(order: PaymentOrder, now: datetime) -> None:
    """One of the packet's orders will never be paid: void the packet unless another one may be.

    For use inside the transaction that ends the order.
    Races:   report, confirmation, another order's end: they take turns on the packet's row, held by
             its key before anything is read. Who comes first is seen by the other: a report that
             finds its order ended issues nothing, an end that finds the packet awaiting voids it,
             and of two orders that end at once the second one sees the first.
    Repeats: a packet is voided once.
    Spec:    2.6
    """
    packet = RedPacket.objects.filter(public_id=order.reference).first()
    if packet is None or not hold(RedPacket, packet.pk):
        return
    packet.refresh_from_db()
    if packet.pay_status != PayStatus.AWAITING or packet.voided_at:
        return
    others = PaymentOrder.objects.filter(reference=order.reference, status__in=PAYABLE)
    if not others.exclude(pk=order.pk).exists():
        void(packet, now)


def void(packet: RedPacket, now: datetime) -> None:
    """Close first, count after: closing waits for grabs in flight, then the takers are all there.

    The packet's row is ours already. Nothing that holds a share wants it meanwhile: an awaiting
    packet is neither refunded nor settled, and a grab only reads it, without a lock.
    """
    # Dealt with, too: the sweeps' index holds no packet that will never be due.
    RedPacket.objects.filter(pk=packet.pk).update(voided_at=now, is_cli_handle=True)
    shares = Share.objects.filter(rp=packet)
    shares.filter(user_id=None, is_returned=False).update(is_returned=True)
    taken = shares.filter(user_id__isnull=False).order_by("update_time", "pk")
    news.tell(
        "packet.voided",
        packet,
        now=now,
        takers=list(taken.values_list("user_id", flat=True)),
    )
    transaction.on_commit(lambda: queue.forget(packet.public_id))
