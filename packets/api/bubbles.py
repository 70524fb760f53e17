"""What a chat shows of each of its packets, before anybody opens one: one word for this viewer."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from functools import partial

from django.db.models import Count, Q

from kit import ids
from kit.http.caller import Caller
from packets import members, profiles
from packets.models import RedPacket, Share
from packets.states import Kind, PacketState, state_of

ASKED_MAX = 50  # in one question


class Bubble(StrEnum):
    """In the order in which one goes before another."""

    FROZEN = "frozen"
    VOID = "void"
    UNPAID = "unpaid"
    TAKEN = "taken"
    OTHER = "other"  # an exclusive one, for others of the group
    GONE = "gone"
    EXPIRED = "expired"
    OPEN = "open"


def bubbles(*, public_ids: Sequence[str], caller: Caller, now: datetime) -> list[dict]:
    """Those of these packets that the caller may know of, in the order asked for, each once.

    Four statements, however many are asked for. A draft that was closed is nobody's news.
    """
    wanted = [public_id for public_id in dict.fromkeys(public_ids) if ids.is_packet_id(public_id)]
    found = {row.public_id: row for row in RedPacket.objects.filter(public_id__in=wanted)}
    rows = [found[public_id] for public_id in wanted if public_id in found]
    takers = _takers(rows, caller.user_id)
    groups = members.groups_of(
        caller.user_id, {row.for_id for row in rows if row.type != Kind.PERSONAL}
    )
    people = profiles.people({row.user_id for row in rows})
    told = []
    for row in rows:
        taken, is_taker, is_named = takers[row.pk]
        state = state_of(row, taken, now)
        if state is PacketState.CLOSED or not members.is_shown(
            row,
            caller.user_id,
            state=state,
            is_taker=is_taker,
            is_for_him=partial(_is_for, row, caller.user_id, groups),
        ):
            continue
        is_mine = row.user_id == caller.user_id or is_named
        is_others = row.type == Kind.EXCLUSIVE and not is_mine
        told.append(
            {
                "id": row.public_id,
                "type": Kind(row.type).word,
                "intro": row.intro,
                "number": row.number,
                "taken_number": taken,
                "sender": people[row.user_id],
                "bubble": bubble(row, state, taken, is_taker=is_taker, is_others=is_others).value,
            }
        )
    return told


def bubble(
    row: RedPacket, state: PacketState, taken: int, *, is_taker: bool, is_others: bool
) -> Bubble:
    """The word for whoever may see this packet. To a personal one's sender its only share counts
    like his own: both know that it was taken."""
    if row.is_frozen:
        return Bubble.FROZEN
    if is_taker or (row.type == Kind.PERSONAL and taken):
        return Bubble.VOID if state is PacketState.VOID else Bubble.TAKEN
    if is_others:
        return Bubble.OTHER
    return Bubble.GONE if state is PacketState.FINISHED else Bubble(state.value)


def _is_for(row: RedPacket, user_id: str, groups: set[str]) -> bool:
    """members.may_see(), for many at once."""
    return row.for_id == user_id if row.type == Kind.PERSONAL else row.for_id in groups


def _takers(rows: list[RedPacket], user_id: str) -> dict[int, tuple[int, bool, bool]]:
    """Of each packet how many shares are taken, whether one of them is this user's, and whether one
    is for him from the start."""
    counted = (
        Share.objects.filter(rp__in=[row.pk for row in rows])
        .values("rp")
        .annotate(
            number=Count("pk", filter=Q(user_id__isnull=False)),
            own=Count("pk", filter=Q(user_id=user_id)),
            named=Count("pk", filter=Q(for_user=user_id)),
        )
    )
    found = {one["rp"]: (one["number"], one["own"] > 0, one["named"] > 0) for one in counted}
    return {row.pk: found.get(row.pk, (0, False, False)) for row in rows}
