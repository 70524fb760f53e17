"""The caller's packets, sent and received: lists, and the yearly summary."""

from datetime import UTC, datetime, timedelta

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from kit.http.caller import Caller
from kit.money import fen_sum, from_fen
from packets.models import RedPacket, Share
from packets.states import Kind, PayStatus

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


def of_year(*, caller: Caller, year: int) -> dict:
    """What the caller sent (issued and not void, by pay_time) and received (not void) in a year."""
    begin, end = _bounds(year)
    issued = RedPacket.objects.filter(
        ~Q(pay_status=PayStatus.UNPAID),
        user_id=caller.user_id,
        pay_time__gte=begin,
        pay_time__lt=end,
        voided_at=None,
    ).aggregate(number=Count("pk"), fen=fen_sum("total_money"))
    untaken = Share.objects.filter(rp=OuterRef("rp"), user_id=None)
    taken = Share.objects.filter(
        user_id=caller.user_id, update_time__gte=begin, update_time__lt=end, rp__voided_at=None
    )
    totals = taken.aggregate(number=Count("pk"), fen=fen_sum("money"))
    best_luck = taken.filter(~Exists(untaken), is_good=True, rp__type=Kind.LUCKY).count()
    return {
        "year": year,
        "sent": {"number": issued["number"], "money": f"{from_fen(issued['fen']):.2f}"},
        "received": {
            "number": totals["number"],
            "money": f"{from_fen(totals['fen']):.2f}",
            "best_luck": best_luck,
        },
    }


def _newest(
    rows: QuerySet, column: str, year: int | None, after: tuple[int, ...] | None
) -> QuerySet:
    if year:
        begin, end = _bounds(year)
        rows = rows.filter(**{f"{column}__gte": begin, f"{column}__lt": end})
    if after:
        time = _EPOCH + timedelta(microseconds=after[0])
        same = Q(**{column: time}, pk__lt=after[1])
        rows = rows.filter(Q(**{f"{column}__lt": time}) | same)
    return rows.order_by(f"-{column}", "-pk")


def _bounds(year: int) -> tuple[datetime, datetime]:
    """A year of the service's time zone."""
    zone = timezone.get_default_timezone()
    return datetime(year, 1, 1, tzinfo=zone), datetime(year + 1, 1, 1, tzinfo=zone)
