"""What a payment refuses."""

from django.utils.translation import gettext_lazy as _

from kit.refusals import Conflict


class AlreadyPaid(Conflict):
    code, detail = "already_paid", _("This red packet has been paid already.")


class OrderClosed(Conflict):
    code, detail = "order_closed", _("This payment order is closed.")


class ChannelUnavailable(Conflict):
    code = "channel_unavailable_for_purpose"
    detail = _("This way to pay is not available here.")
