"""Pay a packet: by balance it is paid and issued at once; a channel's word comes later."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F
from django.db.models.functions import Greatest

from kit import retry
from kit.http.caller import Caller
from kit.moves import move
from kit.refusals import NotFound
from packets import issue
from packets.models import RedPacket
from packets.refusals import PacketClosed, PacketFrozen
from packets.states import PacketState, PayStatus, state_of
from payments import balance, opening, order
from payments.models import PaymentOrder
from payments.opening import Charge
from payments.refusals import AlreadyPaid
from payments.states import PayType, Scene
from wallets import statement
from wallets.refusals import WalletFrozen

PURPOSE = "packet"


@retry.unit
def by_balance(
    *, public_id: str, caller: Caller, now: datetime, also: retry.Also | None = None
) -> RedPacket:
    """Move the total from the sender's wallet into the packet's escrow and issue the packet.

    Money:   Decimal yuan, wallet -> escrow, one ledger line, in the transaction of the issue.
    Races:   the packet row's WHERE decides (issue.py); the ledger's reference decides again.
    Repeats: a second payment is AlreadyPaid and moves nothing.
    Raises:  NotFound (404), AlreadyPaid, PacketClosed, InsufficientBalance (409), WalletFrozen,
             PacketFrozen (403).
    Spec:    1.4, 2.2
    """
    packet = _payable(public_id, caller, now)
    balance.pay(
        user_id=caller.user_id, reference=packet.public_id, amount=packet.total_money, now=now
    )
    issue.issue(packet, to=PayStatus.PAID, pay_type=PayType.BALANCE, now=now)
    order.paid(purpose=PURPOSE, reference=packet.public_id, now=now)
    return packet


def by_channel(
    *,
    public_id: str,
    caller: Caller,
    pay_type: PayType,
    scene: Scene,
    payer_ip: str,
    now: datetime,
    also: retry.Also | None = None,
) -> PaymentOrder:
    """Open an order for the packet at a channel, or give the open one again; the draft stays
    payable as long as its last order.

    Money:   none moves before the channel confirms.
    Repeats: the same channel, the same order; another channel, a second order, and the first one
             is closed at its channel as far as it can be.
    Raises:  NotFound (404), AlreadyPaid, PacketClosed, ChannelUnavailable (409), WalletFrozen,
             PacketFrozen (403), Unavailable (503).
    Spec:    2.6
    """
    packet = _payable(public_id, caller, now)
    if statement.balance(caller.user_id).is_frozen:
        raise WalletFrozen()
    _keep_open(packet.pk, now)
    charge = Charge(
        purpose=PURPOSE,
        reference=packet.public_id,
        key=f"{PURPOSE}:{packet.public_id}:{pay_type.word}",
        user_id=caller.user_id,
        amount=packet.total_money,
        pay_type=pay_type,
        scene=scene,
        subject=packet.intro,
        payer_ip=payer_ip,
    )
    return opening.open_order(charge, now=now, also=also)


@retry.unit
def _keep_open(rp_id: int, now: datetime) -> None:
    """Races: the draft sweep wants the same row; who comes too late finds the packet closed."""
    until = now + timedelta(seconds=settings.REDPACKET_PAY_S)
    draft = RedPacket.objects.filter(
        pk=rp_id, pay_status=PayStatus.UNPAID, closed_at=None, draft_until__isnull=False
    )
    if not move(draft, draft_until=Greatest(F("draft_until"), until)):
        raise PacketClosed()


def _payable(public_id: str, caller: Caller, now: datetime) -> RedPacket:
    packet = RedPacket.objects.filter(public_id=public_id, user_id=caller.user_id).first()
    if packet is None:
        raise NotFound()
    refuse_unless_payable(packet, now)
    return packet


def refuse_unless_payable(packet: RedPacket, now: datetime) -> None:
    """Good manners before the WHERE decides."""
    state = state_of(packet, 0, now)
    if state in (PacketState.CLOSED, PacketState.VOID):
        raise PacketClosed()
    if state is not PacketState.UNPAID:
        raise AlreadyPaid()
    if packet.is_frozen:
        raise PacketFrozen()
