"""The states of a packet and how they follow from stored facts. No queries (docs/states.md)."""

from datetime import datetime
from enum import StrEnum
from typing import Protocol

from django.db import models
from django.utils.translation import gettext_lazy as _

from kit.present import present
from kit.words import Worded


class Kind(Worded):
    """Column `type`."""

    PERSONAL = 1, _("personal")
    EQUAL = 2, _("group, equal shares")
    LUCKY = 3, _("group, lucky draw")
    EXCLUSIVE = 4, _("group, exclusive")


KIND_OF = {kind.word: kind for kind in Kind}


class PayStatus(Worded):
    UNPAID = 0, _("unpaid")
    PAID = 1, _("paid")
    AWAITING = 2, _("awaiting arrival")  # the app says paid, the channel has not confirmed yet


# from -> to; "paid" is never left (Spec 1.7).
MOVES = {
    PayStatus.UNPAID: {PayStatus.AWAITING, PayStatus.PAID},
    PayStatus.AWAITING: {PayStatus.PAID},
    PayStatus.PAID: set(),
}


class ReviewState(models.IntegerChoices):
    """How far finance has come with an expiry refund (packets/review.py)."""

    OPEN = 0, _("to review")
    REVIEWED = 1, _("reviewed")
    DISPUTED = 2, _("disputed")
    SETTLED = 3, _("settled")


# from -> to; "settled" is the end.
REVIEW_MOVES = {
    ReviewState.OPEN: {ReviewState.REVIEWED, ReviewState.DISPUTED},
    ReviewState.REVIEWED: {ReviewState.DISPUTED, ReviewState.SETTLED},
    ReviewState.DISPUTED: {ReviewState.SETTLED},
    ReviewState.SETTLED: set(),
}


class PacketState(StrEnum):
    """api.md's six words; derived, never stored."""

    UNPAID = "unpaid"
    OPEN = "open"
    FINISHED = "finished"
    EXPIRED = "expired"
    VOID = "void"
    CLOSED = "closed"


class Outcome(StrEnum):
    """How a grab ends when nothing is wrong with it; losing a race is normal."""

    GRABBED = "grabbed"
    ALREADY_GRABBED = "already_grabbed"
    TOO_SLOW = "too_slow"
    EXPIRED = "expired"


class Facts(Protocol):
    """What a packet's state follows from: its row has them, and so has a grab's look at it."""

    @property
    def pay_status(self) -> int: ...
    @property
    def number(self) -> int: ...
    @property
    def draft_until(self) -> datetime | None: ...
    @property
    def expire_time(self) -> datetime | None: ...
    @property
    def closed_at(self) -> datetime | None: ...
    @property
    def voided_at(self) -> datetime | None: ...


def state_of(packet: Facts, taken: int, now: datetime) -> PacketState:
    """The packet's state, given how many of its shares are taken.

    The deadline itself belongs to "expired": at 24:00:00 nobody grabs any more.
    """
    if packet.voided_at:
        return PacketState.VOID
    if packet.pay_status == PayStatus.UNPAID:
        over = packet.closed_at or (packet.draft_until and packet.draft_until <= now)
        return PacketState.CLOSED if over else PacketState.UNPAID
    if taken >= packet.number:
        return PacketState.FINISHED
    if present(packet.expire_time) <= now:
        return PacketState.EXPIRED
    return PacketState.OPEN
