"""Give back what nobody took in time (过期退款)."""

from datetime import datetime

from django.db.models import QuerySet

from kit import retry
from kit.money import ZERO, total
from kit.moves import move
from packets import finish, news, review
from packets.models import RedPacket, Share
from packets.states import PayStatus
from wallets import accounts, ledger
from wallets.states import LineKind


class NotDue(Exception):
    """Somebody else dealt with it, or it may not be refunded now; everything rolls back."""


class NothingLeft(NotDue):
    """All shares are taken."""


def refund_expired(*, rp_id: int, now: datetime, also: retry.Also | None = None) -> bool:
    """Return the untaken rest of an expired, paid packet to its sender; False when there is nothing
    to do here any more. Close first, count after: the sum is of the shares that are now closed.

    Money:   Decimal yuan, escrow -> sender's wallet, one ledger line per packet.
    Races:   a late grab and the refund want the same share row; one of them finds it changed.
             Total = taken + returned, by construction.
             All taken: whoever should have finished the packet was lost, so it is finished here.
    Repeats: the packet row's WHERE lets one refund through; (kind, reference) says it again.
    Spec:    1.8
    """
    try:
        _refund(rp_id=rp_id, now=now, also=also)
    except NothingLeft:
        finish.finish(rp_id=rp_id)
        return False
    except NotDue:
        return False
    return True


def due(now: datetime) -> QuerySet[RedPacket]:
    """Packets whose rest is to go home."""
    return RedPacket.objects.filter(
        pay_status=PayStatus.PAID,
        is_cli_handle__in=finish.NOT_YET,
        expire_time__lte=now,
        is_frozen=False,
        voided_at=None,
    )


@retry.unit
def _refund(*, rp_id: int, now: datetime, also: retry.Also | None = None) -> None:
    packet = RedPacket.objects.get(pk=rp_id)
    if packet.expire_time is None or packet.expire_time > now:
        raise NotDue()
    if packet.pay_status != PayStatus.PAID:
        raise NotDue()  # awaiting: there is nothing to give back until the channel has confirmed
    shares = Share.objects.filter(rp=packet)
    shares.filter(user_id=None, is_returned=False).update(is_returned=True)
    returned = total(shares.filter(is_returned=True), "money")
    if returned == ZERO:
        raise NothingLeft()
    try:
        ledger.post(
            kind=LineKind.EXPIRY_REFUND,
            reference=packet.public_id,
            source=accounts.escrow(packet.public_id),
            target=accounts.wallet(packet.user_id),
            amount=returned,
            now=now,
        )
    except ledger.AlreadyPosted as error:
        raise NotDue() from error
    due = RedPacket.objects.filter(
        pk=rp_id,
        is_cli_handle=False,
        pay_status=PayStatus.PAID,
        voided_at=None,
        is_frozen=False,
    )
    if not move(due, return_money=returned, is_cli_handle=True):
        raise NotDue()
    review.put_forward(packet=packet, amount=returned, now=now)
    news.tell(
        "packet.expired",
        packet,
        now=now,
        return_money=f"{returned:.2f}",
        taken_number=shares.filter(user_id__isnull=False).count(),
    )
