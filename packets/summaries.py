"""The caller's packets, sent and received, as lists."""

from datetime import UTC, datetime, timedelta

from django.db.models import Q, QuerySet

from kit.http.caller import Caller
from packets import years
from packets.models import RedPacket, Share

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def sent(
    *, caller: Caller, year: int | None, after: tuple[int, ...] | None, limit: int
) -> list[RedPacket]:
    """Packets made, drafts and closed ones too, newest first; limit + 1 of them."""
    packets = RedPacket.objects.filter(user_id=caller.user_id).select_related("review")
    return list(_newest(packets, "add_time", year, after)[: limit + 1])


def received(
    *, caller: Caller, year: int | None, after: tuple[int, ...] | None, limit: int
) -> list[Share]:
    """Shares taken with their packets, newest first; limit + 1 of them."""
    shares = Share.objects.filter(user_id=caller.user_id).select_related("rp__review")
    return list(_newest(shares, "update_time", year, after)[: limit + 1])


def position(time: datetime, key: int) -> tuple[int, int]:
    """A row's place in a list by time: microseconds and key, both whole, for the cursor."""
    return (time - _EPOCH) // timedelta(microseconds=1), key


def _newest(
    rows: QuerySet, column: str, year: int | None, after: tuple[int, ...] | None
) -> QuerySet:
    if year:
        begin, end = years.bounds(year)
        rows = rows.filter(**{f"{column}__gte": begin, f"{column}__lt": end})
    if after:
        time = _EPOCH + timedelta(microseconds=after[0])
        same = Q(**{column: time}, pk__lt=after[1])
        rows = rows.filter(Q(**{f"{column}__lt": time}) | same)
    return rows.order_by(f"-{column}", "-pk")
