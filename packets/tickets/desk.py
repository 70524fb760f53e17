"""Tickets without Redis: the same answers in the same order, found in the table."""

import random
from datetime import datetime

from kit.present import present
from kit.refusals import NotFound
from packets import members
from packets.refusals import NotForYou, NotIssued, OwnPacket, PacketClosed, PacketFrozen
from packets.states import Kind, Outcome, PacketState, state_of
from packets.tickets import claim
from packets.tickets.claim import Look
from packets.tickets.queue import Taken, Ticket
from wallets.refusals import WalletFrozen

NEAR = 8  # any of the next so many: the first one behind a long run of taken ones is everybody's


def take(*, public_id: str, user_id: str, now: datetime) -> Ticket | Taken | Outcome:
    """Any untaken position, at random so that a crowd does not wait for one row; of an exclusive
    packet one's own.

    Raises: Problem (as in grab.py).
    """
    packet = claim.look(public_id, user_id)
    if packet is None:
        raise NotFound()
    if packet.type == Kind.PERSONAL and packet.user_id == user_id:
        raise OwnPacket()
    if packet.is_taker:
        return Taken(packet.id, in_flight=False)
    if not _is_for(packet, user_id):
        raise NotFound()
    own = claim.named(packet.id, user_id) if packet.type == Kind.EXCLUSIVE else None
    if packet.type == Kind.EXCLUSIVE and own is None:
        raise NotForYou()
    _refuse_unless_open(packet, now)
    found = own or _untaken(packet)
    if found is None:
        return Outcome.TOO_SLOW
    position, is_returned = found
    if is_returned or present(packet.expire_time) <= now:
        return Outcome.EXPIRED
    return Ticket(
        position=position,
        rp_id=packet.id,
        public_id=public_id,
        kind=packet.type,
        sender=packet.user_id,
        for_id=packet.for_id,
        number=packet.number,
        pay_status=packet.pay_status,
        is_queued=False,
    )


def _untaken(packet: Look) -> tuple[int, bool] | None:
    start = random.randint(1, packet.number)  # noqa: S311 - spreads the crowd, decides no luck
    near = claim.untaken(packet.id, start, NEAR) or claim.untaken(packet.id, 1, NEAR)
    return random.choice(near) if near else None  # noqa: S311


def is_gone(rp_id: int) -> bool:
    """Whether every share is taken: asked after each commit, so the last one to commit sees it."""
    return not claim.untaken(rp_id, 1, 1)


def _is_for(packet: Look, user_id: str) -> bool:
    if packet.type == Kind.PERSONAL:
        return packet.for_id == user_id
    if members.asks_chat_server():
        return members.is_member(packet.for_id, user_id)
    return packet.is_member


def _refuse_unless_open(packet: Look, now: datetime) -> None:
    state = state_of(packet, 0, now)
    if state in (PacketState.CLOSED, PacketState.VOID):
        raise PacketClosed()
    if state is PacketState.UNPAID:
        raise NotIssued()
    if packet.is_frozen:
        raise PacketFrozen()
    if packet.is_wallet_frozen:
        raise WalletFrozen()
