"""What becomes of a packet, told to the chat server in the transaction in which it does."""

from datetime import datetime
from typing import Any

from kit import outbox
from packets.models import RedPacket


def tell(what: str, packet: RedPacket, *, now: datetime, **more: Any) -> None:
    """Event `packet.<what>`, with what every one of them says: which packet, where, whose."""
    outbox.tell(
        f"packet.{what}",
        now=now,
        packet=packet.public_id,
        for_id=packet.for_id,
        user_id=packet.user_id,
        **more,
    )
