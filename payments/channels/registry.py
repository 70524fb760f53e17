"""Which channels are offered here: those that have settings."""

from payments.channels.base import Channel
from payments.states import PayType


def channel(pay_type: PayType) -> Channel:
    """Raises LookupError for a channel that is not offered."""
    raise LookupError(f"{pay_type.word} has no settings")


def offered() -> list[PayType]:
    return []
