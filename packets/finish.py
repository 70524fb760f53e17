"""The last share is gone: expend_time is written and the seed may be shown."""

from datetime import datetime

from django.db import transaction
from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet

from kit import later, retry
from kit.moves import move
from packets import news
from packets.models import RedPacket, Share
from packets.states import Kind, PayStatus
from packets.tickets import queue

# For a WHERE on an indexed flag: Django writes `flag=False` as NOT flag, which no index answers.
NOT_YET = [False]
AGAIN_S = (1, 2, 4)  # shares still on their way when the taker of n looked


def if_gone(rp_id: int) -> None:
    """For the taker of n: finish the packet if all are gone, else have it looked at again soon."""
    if not finish(rp_id=rp_id) and _is_open(rp_id):
        later.run("packets.finish_packet", rp_id, 1, in_s=AGAIN_S[0])


@retry.unit
def finish(*, rp_id: int) -> bool:
    """Write expend_time once every share is taken; False when some are not, or it was done.

    A transaction of its own: no winner waits for the packet row (docs/locks.md).

    Races:   n is a hint, the table decides; two finishers: `expend_time IS NULL` lets one through.
    Spec:    1.5, 1.8
    """
    packet = RedPacket.objects.get(pk=rp_id)
    if packet.expend_time is not None or packet.pay_time is None or packet.voided_at:
        return False
    shares = Share.objects.filter(rp=packet).aggregate(
        untaken=Count("pk", filter=Q(user_id=None)),
        last=Max("update_time"),
        best=Max("user_id", filter=Q(is_good=True)),
    )
    if shares["untaken"]:
        return False
    last = shares["last"]
    expend_time = seconds_between(packet.pay_time, last)
    open_still = RedPacket.objects.filter(pk=rp_id, expend_time=None, voided_at=None)
    if not move(open_still, expend_time=expend_time, is_cli_handle=True):
        return False
    news.tell(
        "packet.finished",
        packet,
        now=last,
        expend_time=expend_time,
        best_luck=shares["best"] if packet.type == Kind.LUCKY else None,
    )
    transaction.on_commit(lambda: queue.no_more(packet.public_id, rp_id))
    return True


def seconds_between(pay_time: datetime, last: datetime) -> int:
    """Whole seconds, rounded down; a clock that went back does not make it negative."""
    return max(0, int((last - pay_time).total_seconds()))


def unfinished(status: PayStatus) -> QuerySet[RedPacket]:
    """Issued packets that nobody has finished or refunded: the index of the expiry sweep."""
    return RedPacket.objects.filter(pay_status=status, is_cli_handle__in=NOT_YET, expend_time=None)


def all_taken(rp_ids: list[int]) -> list[int]:
    """Those of these packets of which no share is left."""
    untaken = Share.objects.filter(rp=OuterRef("pk"), user_id=None)
    packets = RedPacket.objects.filter(~Exists(untaken), pk__in=rp_ids)
    return list(packets.values_list("pk", flat=True))


def _is_open(rp_id: int) -> bool:
    return RedPacket.objects.filter(pk=rp_id, expend_time=None, is_cli_handle=False).exists()
