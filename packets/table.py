"""Tickets without Redis: the same answers in the same order, found in the table."""

import random
from datetime import datetime

from packets.models import RedPacket, Share
from packets.states import Kind, Outcome, PacketState, state_of
from packets.tickets import Taken, Ticket
from redpacket_site.kit import problems
from wallets.models import Wallet


def take(*, public_id: str, user_id: str, now: datetime, is_member) -> Ticket | Taken | Outcome:
    """Any untaken position, at random so that a crowd does not wait for one row.

    `is_member(group_id, user_id)` answers for groups.
    Raises: Problem (as in grab.py).
    """
    packet = RedPacket.objects.filter(public_id=public_id).first()
    if packet is None:
        raise problems.NotFound()
    if packet.type == Kind.PERSONAL and packet.user_id == user_id:
        raise problems.OwnPacket()
    shares = list(Share.objects.filter(rp=packet).values_list("position", "user_id", "is_returned"))
    if any(taker == user_id for _, taker, _ in shares):
        return Taken(packet.pk, in_flight=False)
    if not _is_for(packet, user_id, is_member):
        raise problems.NotFound()
    untaken = [position for position, taker, _ in shares if taker is None]
    _refuse_unless_open(packet, user_id, len(shares) - len(untaken), now)
    if not untaken:
        return Outcome.TOO_SLOW
    if packet.expire_time <= now or any(is_returned for *_, is_returned in shares):
        return Outcome.EXPIRED
    return Ticket(
        position=random.choice(untaken),  # noqa: S311 - spreads the crowd, decides no luck
        rp_id=packet.pk,
        public_id=public_id,
        kind=packet.type,
        sender=packet.user_id,
        for_id=packet.for_id,
        number=packet.number,
        pay_status=packet.pay_status,
        is_queued=False,
    )


def _is_for(packet: RedPacket, user_id: str, is_member) -> bool:
    if packet.type == Kind.PERSONAL:
        return packet.for_id == user_id
    return is_member(packet.for_id, user_id)


def _refuse_unless_open(packet: RedPacket, user_id: str, taken: int, now: datetime) -> None:
    state = state_of(packet, taken, now)
    if state in (PacketState.CLOSED, PacketState.VOID):
        raise problems.PacketClosed()
    if state is PacketState.UNPAID:
        raise problems.NotIssued()
    if packet.is_frozen:
        raise problems.PacketFrozen()
    if Wallet.objects.filter(user_id=user_id, is_frozen=True).exists():
        raise problems.WalletFrozen()
