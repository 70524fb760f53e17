"""Freeze and unfreeze a packet: nothing in it moves, no grab, settlement or refund (Spec 2.7).

Money that arrives for a frozen packet is accepted; its settlement passes wait until it is unfrozen.
"""

from datetime import datetime

from django.db import transaction
from django.db.models import F

from kit import retry
from kit.moves import move
from packets.models import RedPacket, SettlementPass
from packets.tickets import queue


@retry.unit
def freeze(*, public_id: str, reason: str, now: datetime, also: retry.Also | None = None) -> bool:
    """Freeze; True when it was not frozen before. Binds every movement that starts after it."""
    return _set(public_id, frozen=True, reason=reason)


@retry.unit
def unfreeze(*, public_id: str, reason: str, now: datetime, also: retry.Also | None = None) -> bool:
    """Unfreeze; True when it was frozen before."""
    return _set(public_id, frozen=False, reason="")


def _set(public_id: str, *, frozen: bool, reason: str) -> bool:
    packet = RedPacket.objects.filter(public_id=public_id, is_frozen=not frozen)
    done = move(packet, is_frozen=frozen, frozen_reason=reason)
    if done:  # under the packet's row lock, as the confirmation that writes the passes
        passes = SettlementPass.objects.filter(packet__public_id=public_id, done_at=None)
        passes.update(run_at=None if frozen else F("due_at"))
    transaction.on_commit(lambda: queue.forget(public_id))
    return done
