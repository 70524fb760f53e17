"""Freeze and unfreeze a packet: nothing in it moves, no grab, settlement or refund (Spec 2.7)."""

from datetime import datetime

from django.db import transaction

from packets import tickets
from packets.models import RedPacket
from redpacket_site.kit import retry
from redpacket_site.kit.moves import move


@retry.unit
def freeze(*, public_id: str, reason: str, now: datetime) -> bool:
    """Freeze; True when it was not frozen before. Binds every movement that starts after it."""
    return _set(public_id, frozen=True, reason=reason)


@retry.unit
def unfreeze(*, public_id: str, reason: str, now: datetime) -> bool:
    """Unfreeze; True when it was frozen before."""
    return _set(public_id, frozen=False, reason="")


def _set(public_id: str, *, frozen: bool, reason: str) -> bool:
    packet = RedPacket.objects.filter(public_id=public_id, is_frozen=not frozen)
    done = move(packet, is_frozen=frozen, frozen_reason=reason)
    transaction.on_commit(lambda: tickets.forget(public_id))
    return done
