"""What staff may do to a packet."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from kit.money import total
from office.frame import freezing
from office.frame.actions import ReasonAction
from packets import freeze, refund, settle
from packets.models import Share
from packets.states import PayStatus


class _OnPacket:
    permission = "packets.freeze_packet"
    verbs, known_by = freeze, "public_id"


class FreezePacket(_OnPacket, freezing.Freeze):
    name = "freeze_packet"
    title = _("Freeze the packet")
    refused = _("This packet is frozen already.")

    def preview(self, packet, now):
        return [_("Nothing in it moves any more: no grab, no settlement, no refund.")]


class UnfreezePacket(_OnPacket, freezing.Unfreeze):
    name = "unfreeze_packet"
    title = _("Unfreeze the packet")
    refused = _("This packet is not frozen.")

    def goes_on(self, packet):
        return _("Grabs, settlement and refund go on as the packet's times allow.")


class _OutOfTurn(ReasonAction):
    """What a sweep does to paid packets, now."""

    unpaid: Any

    def refusal(self, packet, now):
        if packet.is_frozen:
            return _("The packet is frozen: nothing in it moves.")
        if packet.voided_at or packet.pay_status != PayStatus.PAID:
            return self.unpaid
        return self.too_soon(packet, now)

    def too_soon(self, packet, now) -> str:
        """Why there is nothing to do (yet); empty when there is."""
        raise NotImplementedError


class RefundNow(_OutOfTurn):
    """The expiry refund that the sweep would make; never before the packet's time."""

    name = "refund_now"
    title = _("Refund the rest now")
    permission = "packets.refund_now"
    unpaid = _("Only a paid packet can be refunded.")

    def too_soon(self, packet, now):
        if packet.expire_time > now:
            return _("The packet has not expired yet.")
        if packet.is_cli_handle:
            return _("The expiry has been dealt with already.")
        return ""

    def preview(self, packet, now):
        rest = total(Share.objects.filter(rp=packet, user_id=None), "money")
        told = {"rest": f"{rest:,.2f}", "sender": packet.user_id}
        return [_("%(rest)s yuan go back to the wallet of %(sender)s.") % told]

    def facts(self, packet):
        rest = total(Share.objects.filter(rp=packet, user_id=None), "money")
        return (packet.is_frozen, packet.is_cli_handle, str(rest))

    def run(self, packet, *, reason, now, also):
        return refund.refund_expired(rp_id=packet.pk, now=now, also=also)


class SettleNow(_OutOfTurn):
    """Credit what is taken, paid and not credited: a settlement pass out of turn."""

    name = "settle_now"
    title = _("Run the settlement now")
    permission = "packets.settle_now"
    unpaid = _("Only a paid packet can be settled.")

    def too_soon(self, packet, now):
        return "" if _uncredited(packet).exists() else _("Every taken share is credited already.")

    def preview(self, packet, now):
        shares = _uncredited(packet)
        number = shares.count()
        told = {"number": number, "money": f"{total(shares, 'money'):,.2f}"}
        return [
            ngettext(
                "%(number)d taken share is credited: %(money)s yuan.",
                "%(number)d taken shares are credited: %(money)s yuan in all.",
                number,
            )
            % told
        ]

    def facts(self, packet):
        return (packet.is_frozen, *_uncredited(packet).values_list("pk", flat=True))

    def run(self, packet, *, reason, now, also):
        return settle.settle_packet(rp_id=packet.pk, now=now, also=also)

    def told(self, packet, settled):
        if not settled.left:
            return ""
        return _("%(left)d shares could not be credited; look at the log.") % {"left": settled.left}


def _uncredited(packet):
    return Share.objects.filter(rp=packet, user_id__isnull=False, is_into_account=False)


ACTS = [FreezePacket(), UnfreezePacket(), RefundNow(), SettleNow()]
