"""Pay a packet: by balance it is paid and issued at once."""

from datetime import datetime

from packets import issue
from packets.models import RedPacket
from packets.states import PacketState, PayStatus, state_of
from payments import balance
from payments.states import PayType
from redpacket_site.kit import retry
from redpacket_site.kit.caller import Caller
from redpacket_site.kit.problems import AlreadyPaid, NotFound, PacketClosed, PacketFrozen


@retry.unit
def by_balance(*, public_id: str, caller: Caller, now: datetime) -> RedPacket:
    """Move the total from the sender's wallet into the packet's escrow and issue the packet.

    Money:   Decimal yuan, wallet -> escrow, one ledger line, in the transaction of the issue.
    Races:   the packet row's WHERE decides (issue.py); the ledger's reference decides again.
    Repeats: a second payment is AlreadyPaid and moves nothing.
    Raises:  NotFound (404), AlreadyPaid, PacketClosed, InsufficientBalance (409), WalletFrozen,
             PacketFrozen (403).
    Spec:    1.4, 2.2
    """
    packet = RedPacket.objects.filter(public_id=public_id, user_id=caller.user_id).first()
    if packet is None:
        raise NotFound()
    refuse_unless_payable(packet, now)
    balance.pay(
        user_id=caller.user_id, reference=packet.public_id, amount=packet.total_money, now=now
    )
    issue.issue(packet, to=PayStatus.PAID, pay_type=PayType.BALANCE, now=now)
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
