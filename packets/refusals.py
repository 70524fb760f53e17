"""What a packet refuses."""

from django.utils.translation import gettext_lazy as _

from kit.refusals import Conflict, Problem


class PacketFrozen(Problem):
    status, code, title = 403, "packet_frozen", _("Packet frozen")
    detail = _("This red packet is frozen; please contact support.")


class NotIssued(Conflict):
    code, detail = "not_issued", _("This red packet has not been paid yet.")


class PacketClosed(Conflict):
    code, detail = "packet_closed", _("This red packet is closed.")


class OwnPacket(Conflict):
    code, detail = "own_packet", _("You cannot grab the personal red packet that you sent.")


class NotForYou(Conflict):
    code, detail = "not_for_you", _("This red packet is for other members of the group.")
