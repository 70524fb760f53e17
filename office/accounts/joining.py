"""An invitation taken up by whoever has its link and its code, once: the account is active."""

import secrets
from collections.abc import Sequence
from datetime import datetime

from django.contrib.auth.models import User
from django.db.models import F
from django.utils.translation import gettext_lazy as _
from django_otp.plugins.otp_totp.models import TOTPDevice

from kit import credentials, retry
from kit.moves import move
from kit.refusals import Conflict
from office.accounts.changes import digest
from office.models import Invitation, RecoveryCode

TRIES = 5  # at the code, over the life of an invitation
RECOVERY_CODES = 10


class Gone(Conflict):
    code, detail = "invitation_gone", _("This invitation has been used, has ended or was spent.")


def good(link: str, now: datetime) -> Invitation | None:
    """The invitation of this link, while it can be taken up."""
    rows = Invitation.objects.filter(link=digest(link), used_at=None, until__gt=now)
    return rows.exclude(code="").select_related("user").first()


def is_code(*, invitation_id: int, code: str, now: datetime) -> bool:
    """Whether this is the code. Each try is taken before it is looked at.

    Races:   one UPDATE checks and counts: tries at once are no more than TRIES.
    """
    rows = Invitation.objects.filter(pk=invitation_id, used_at=None, until__gt=now)
    if not rows.filter(tries__lt=TRIES).update(tries=F("tries") + 1):
        raise Gone()
    return rows.filter(code=digest(_plain(code))).exists()


@retry.unit
def join(
    *,
    invitation_id: int,
    password: str,
    key: str,
    step: int,
    now: datetime,
    also: retry.Also | None = None,
) -> Sequence[str]:
    """The person's own password (hashed), device and recovery codes; the account is active.

    Races:   the invitation's WHERE: who used it first has joined.
    Raises:  Gone (409) for everybody else.
    """
    rows = Invitation.objects.filter(pk=invitation_id, used_at=None, until__gt=now)
    if not move(rows.exclude(code=""), used_at=now):
        raise Gone()
    user_id = Invitation.objects.get(pk=invitation_id).user_id
    User.objects.filter(pk=user_id).update(password=password, is_active=True, is_staff=True)
    TOTPDevice.objects.filter(user_id=user_id).delete()
    TOTPDevice.objects.create(user_id=user_id, name="own", key=key, confirmed=True, last_t=step)
    RecoveryCode.objects.filter(user_id=user_id).delete()
    codes = [_grouped(secrets.token_hex(8)) for _ in range(RECOVERY_CODES)]
    RecoveryCode.objects.bulk_create(
        RecoveryCode(user_id=user_id, digest=digest(_plain(code))) for code in codes
    )
    credentials.changed(User.objects.get(pk=user_id), now=now)
    return codes


def recover(*, user_id: int, code: str, now: datetime) -> bool:
    """Use up a recovery code; False when it is none of his, or used.

    Races:   the row's WHERE: of two log-ins with one code, one comes in.
    """
    rows = RecoveryCode.objects.filter(user_id=user_id, digest=digest(_plain(code)), used_at=None)
    return move(rows, used_at=now)


def looks_like_recovery(code: str) -> bool:
    return len(_plain(code)) == 16


def _plain(code: str) -> str:
    return "".join(code.split()).replace("-", "").lower()


def _grouped(code: str) -> str:
    return "-".join(code[at : at + 4] for at in range(0, len(code), 4))
