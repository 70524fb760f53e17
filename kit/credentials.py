"""When somebody's password or second factor last changed: for a while after that he approves
nothing, since it may not be he.

What they were is kept as a fingerprint beside the time, so that a change past the product, by SQL
or Django's own commands, counts too: from the moment at which it is first seen.
"""

import hashlib
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.translation import gettext as _
from django_otp.plugins.otp_totp.models import TOTPDevice

from kit.models import Credentials
from kit.refusals import Forbidden


class Fresh(Forbidden):
    """Whoever has new credentials decides later."""

    code = "fresh_credentials"


def fingerprint(user: User) -> str:
    devices = TOTPDevice.objects.filter(user_id=user.pk, confirmed=True).order_by("pk")
    told = "\n".join([user.password, *devices.values_list("key", flat=True)])
    return hashlib.sha256(told.encode()).hexdigest()


def changed(user: User, *, now: datetime) -> None:
    """Note a change; called in its transaction, with the user as he is afterwards."""
    new = {"fingerprint": fingerprint(user), "changed_at": now}
    Credentials.objects.update_or_create(user_id=user.pk, defaults=new)


def is_known(user: User) -> bool:
    """Whether nothing has changed past us."""
    return Credentials.objects.filter(user_id=user.pk, fingerprint=fingerprint(user)).exists()


def look(user: User, *, now: datetime) -> bool:
    """Note what has changed past us; True when something has."""
    if is_known(user):
        return False
    changed(user, now=now)
    return True


def rehashed(user: User) -> None:
    """The same password, hashed anew by a release that hashes better: no change."""
    Credentials.objects.filter(user_id=user.pk).update(fingerprint=fingerprint(user))


def rests_until(user_id: int, now: datetime) -> datetime | None:
    """Until when he approves nothing; None: he may."""
    rest = timedelta(seconds=settings.REDPACKET_CREDENTIALS_REST_S)
    user = User.objects.get(pk=user_id)
    known = Credentials.objects.filter(user_id=user_id, fingerprint=fingerprint(user)).first()
    until = (known.changed_at if known else now) + rest
    return until if until > now else None


def told(until: datetime) -> str:
    local = timezone.localtime(until)
    return _(
        "You approve nothing until %(until)s: your password or second factor is new, and"
        " whoever took it over would have to wait as well."
    ) % {"until": f"{local:%Y-%m-%d %H:%M}"}


def refuse_fresh(user_id: int, *, now: datetime) -> None:
    """Called by every verb that approves. Raises Fresh (403)."""
    if until := rests_until(user_id, now):
        raise Fresh(told(until))
