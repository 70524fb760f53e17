"""Twenty-four hours later, for one packet: no clock is moved, only this packet's end."""

from datetime import datetime

from django.db import transaction

from kit import retry
from kit.moves import move
from packets import refund
from packets.models import RedPacket
from packets.states import PayStatus
from packets.tickets import queue


class NotOpen(Exception):
    """It has ended already, is not paid, or may not end now; or all of it was taken."""


def later(*, packet: RedPacket, now: datetime) -> RedPacket:
    """Let the packet expire now and give back what is left; the packet as it is afterwards.

    Money:   as refund.refund_expired, which does it.
    Races:   "open" stands in the UPDATE's own WHERE; beat may be the one who refunds then.
    Raises:  NotOpen.
    """
    if not _end(packet, now):
        raise NotOpen()
    refund.refund_expired(rp_id=packet.pk, now=now)
    packet.refresh_from_db()
    if packet.return_money is None:
        raise NotOpen()
    return packet


@retry.unit
def _end(packet: RedPacket, now: datetime) -> bool:
    still_open = RedPacket.objects.filter(
        pk=packet.pk,
        pay_status=PayStatus.PAID,
        is_cli_handle=False,
        is_frozen=False,
        voided_at=None,
        expend_time=None,
        expire_time__gt=now,
    )
    transaction.on_commit(lambda: queue.forget(packet.public_id))
    return move(still_open, expire_time=now)
