"""What a page must know before it draws its forms: who asks, limits, and ways to pay."""

from django.conf import settings

from kit.http.caller import Caller
from kit.refusals import NotFound
from packets import members, profiles
from packets.send import INTRO_MAX
from payments.channels import registry


def session(caller: Caller) -> dict:
    """Who the caller is, and what he may send and top up. One statement."""
    return {
        "user": profiles.people([caller.user_id])[caller.user_id],
        "expire_s": settings.REDPACKET_EXPIRE_S,
        "limits": {
            "shares_max": settings.REDPACKET_SHARES_MAX,
            "share_min": settings.REDPACKET_SHARE_MIN,
            "share_max": settings.REDPACKET_SHARE_MAX,
            "topup_min": settings.REDPACKET_TOPUP_MIN,
            "topup_max": settings.REDPACKET_TOPUP_MAX,
            "intro_max": INTRO_MAX,
        },
        "channels": [pay_type.word for pay_type in registry.offered()],
    }


def group(group_id: str, caller: Caller) -> dict:
    """A group of the caller's, as a form needs it. Two statements at most.

    Raises: NotFound (404) for whoever is no member, Unavailable (503).
    """
    if not members.is_member(group_id, caller.user_id):
        raise NotFound()
    return {"group_id": group_id, "number": members.number(group_id)}
