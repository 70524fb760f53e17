"""One sentence over a packet, as WeChat says it, in the caller's language (api.md)."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from kit.marks import named
from packets.models import RedPacket
from packets.states import Kind, PacketState, PayStatus

_UNPAID = {
    PacketState.UNPAID: gettext_lazy("To be paid"),
    PacketState.CLOSED: gettext_lazy("Not paid, closed"),
    PacketState.VOID: gettext_lazy("The payment did not arrive; this red packet is void"),
}


def headline(
    packet: RedPacket,
    *,
    state: PacketState,
    taken: int,
    taken_money: Decimal,
    gone_in_s: int | None,
    is_sender: bool,
    names: Sequence[str] = (),
) -> str:
    """The sentence for this viewer; amounts are named only where the viewer may know them. `names`:
    whom an exclusive one is for."""
    if packet.is_frozen:
        return _("This red packet is frozen")
    personal = packet.type == Kind.PERSONAL
    counted = {"taken": taken, "number": packet.number}
    money = {"taken_money": f"{taken_money:.2f}", "total_money": f"{packet.total_money:.2f}"}
    match state:
        case PacketState.UNPAID | PacketState.CLOSED | PacketState.VOID:
            return str(_UNPAID[state])
        case PacketState.OPEN | PacketState.FINISHED if packet.type == Kind.EXCLUSIVE:
            return _("Red packet for %(names)s") % {"names": named(names)}
        case PacketState.OPEN if personal and is_sender:
            return _("Red packet of %(total_money)s yuan, waiting to be taken") % money
        case PacketState.OPEN if personal:
            return _("sent you a red packet")
        case PacketState.OPEN if is_sender:
            return _("%(taken)d/%(number)d taken, %(taken_money)s/%(total_money)s yuan") % (
                counted | money
            )
        case PacketState.OPEN:
            return _("%(taken)d/%(number)d taken") % counted
        case PacketState.FINISHED if personal and is_sender:
            return _("1 packet, %(total_money)s yuan in all") % money
        case PacketState.FINISHED if personal:
            if packet.pay_status == PayStatus.AWAITING:
                return _("Waiting for the payment to arrive")
            return _("Put into your wallet")
        case PacketState.FINISHED:
            return ngettext(
                "%(number)d packet, %(total_money)s yuan in all, gone in %(time)s",
                "%(number)d packets, %(total_money)s yuan in all, gone in %(time)s",
                packet.number,
            ) % (counted | money | {"time": duration(gone_in_s or 0)})
    return _("This red packet has expired") + _expired(packet, counted | money, is_sender)


def _expired(packet: RedPacket, values: dict, is_sender: bool) -> str:
    if packet.type == Kind.PERSONAL:
        if is_sender and packet.return_money:
            return _(". Its %(total_money)s yuan were returned") % values
        return ""
    if is_sender:
        return _(". %(taken)d/%(number)d taken, %(taken_money)s/%(total_money)s yuan") % values
    return _(". %(taken)d/%(number)d taken") % values


def duration(seconds: int) -> str:
    """12 seconds, 3 minutes, 2 hours: rounded down to the largest unit that gives at least 1."""
    span = timedelta(seconds=seconds)
    if hours := span // timedelta(hours=1):
        return ngettext("%d hour", "%d hours", hours) % hours
    if minutes := span // timedelta(minutes=1):
        return ngettext("%d minute", "%d minutes", minutes) % minutes
    return ngettext("%d second", "%d seconds", seconds) % seconds
