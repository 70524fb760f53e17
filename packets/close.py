"""A draft that nobody paid in time closes, and after a while what nobody needs of it is dropped."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from kit import retry
from kit.hooks import Hook
from kit.moves import move
from packets.models import RedPacket, Share
from packets.states import PayStatus
from packets.tickets import queue
from payments.models import PaymentOrder
from payments.states import PAYABLE

# Who says which of some packets he names, by their keys: those are kept.
speakers: Hook[Callable[[type[RedPacket], Iterable[int]], set[int]]] = Hook("who names packets")
CHUNK = 20  # packets in one transaction; each has up to a hundred shares


@retry.unit
def close(*, packet: RedPacket, now: datetime) -> bool:
    """Close a draft past its time; False when it was paid or closed in the meantime, or can still
    be paid: a draft outlives its last order.

    Races: a payer and this sweep want the same row; `draft_until` in the WHERE lets one through.
    Spec:  1.7, api.md (state `closed`)
    """
    forget_at = now + timedelta(days=settings.REDPACKET_DRAFTS_KEPT_DAYS)
    facts = {"closed_at": now, "draft_until": None, "forget_at": forget_at}
    closed = move(due(now).filter(pk=packet.pk), **facts)
    if closed:
        transaction.on_commit(lambda: queue.forget(packet.public_id))
    return closed


def due(now: datetime) -> QuerySet[RedPacket]:
    """Drafts past their time that no order can pay any more."""
    payable = PaymentOrder.objects.filter(reference=OuterRef("public_id"), status__in=PAYABLE)
    drafts = RedPacket.objects.filter(pay_status=PayStatus.UNPAID, draft_until__lte=now)
    return drafts.filter(~Exists(payable))


@retry.unit
def forget(*, now: datetime) -> int:
    """Drop one chunk of what closed long ago: the shares, which nobody can take, and the packet
    unless an order or what staff did names it; how many packets were dealt with.

    Money:   none was ever in them: a closed packet was never issued, so no ledger line, event or
             settlement names it. What is paid into one late goes to suspense, packet or not.
    Races:   closed is the end: nobody pays, issues or grabs what is deleted here.
    Repeats: harmless.
    """
    over = RedPacket.objects.filter(
        forget_at__lte=now, pay_status=PayStatus.UNPAID, closed_at__isnull=False
    )
    chunk = dict(over.order_by("forget_at").values_list("pk", "public_id")[:CHUNK])
    Share.objects.filter(rp__in=chunk, user_id=None).delete()
    named = _named(chunk)
    RedPacket.objects.filter(pk__in=named).update(forget_at=None)
    RedPacket.objects.filter(pk__in=chunk.keys() - named).delete()
    return len(chunk)


def _named(packets: dict[int, str]) -> set[int]:
    """Those of (key: public id) that an order names, or somebody above."""
    orders = PaymentOrder.objects.filter(reference__in=packets.values())
    paid_for = set(orders.values_list("reference", flat=True))
    named = {pk for pk, public_id in packets.items() if public_id in paid_for}
    return named.union(*(names(RedPacket, packets) for names in speakers.values()))
