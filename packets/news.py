"""What becomes of a packet, told to the chat server in the transaction in which it does."""

from datetime import datetime
from typing import Any

from kit import outbox
from packets.models import RedPacket


def tell(what: str, packet: RedPacket, *, now: datetime, **more: Any) -> None:
    """The event, with what every one of a packet says: which packet, where, whose."""
    outbox.tell(
        what,
        now=now,
        packet=packet.public_id,
        for_id=packet.for_id,
        user_id=packet.user_id,
        **more,
    )
