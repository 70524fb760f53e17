"""Changes of staff accounts under four eyes: proposed by one, decided by another."""

import hashlib
import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, User
from django.contrib.auth.validators import ASCIIUsernameValidator
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _
from django_otp.plugins.otp_totp.models import TOTPDevice

from kit import credentials, retry
from kit.moves import move
from kit.refusals import Conflict, Forbidden, Invalid
from kit.retry import Also
from office import roles
from office.frame import staff
from office.models import AccountChange, Invitation, RecoveryCode
from office.states import ChangeStatus

Kind = AccountChange.Kind
NAME_MAX = 64
OF_AN_INVITATION = (Kind.INVITE, Kind.RESET)


class Waiting(Conflict):
    code, detail = "change_waiting", _("Another change of this account waits to be decided.")


def digest(secret: str) -> str:
    """Of a random secret that is too long to be guessed."""
    return hashlib.sha256(secret.encode()).hexdigest()


@retry.unit
def invite(
    *,
    username: str,
    full_name: str,
    email: str,
    role: str,
    reason: str,
    maker_id: int,
    now: datetime,
    also: Also | None = None,
) -> AccountChange:
    """Propose somebody new: an account that opens nothing until the change is approved and the
    person has taken up the invitation. `secret` of what is returned is the link's word.

    Raises:  Invalid (400) for a name that is taken, or no role.
    """
    return _propose(Kind.INVITE, _newcomer(username, full_name, email), role, reason, maker_id, now)


@retry.unit
def change(
    *,
    kind: Kind,
    user_id: int,
    role: str = "",
    reason: str,
    maker_id: int,
    now: datetime,
    also: Also | None = None,
) -> AccountChange:
    """Propose another role, a new password and device, or an account's end.

    Raises:  Invalid (400) for no role or no such account; Waiting (409) while another one waits.
    """
    user = User.objects.filter(pk=user_id).exclude(username=staff.operator().username).first()
    if user is None:
        raise Invalid(errors={"username": [_("There is no such account.")]})
    return _propose(kind, user, role, reason, maker_id, now)


@retry.unit
def approve(
    *, change_id: int, checker_id: int, now: datetime, also: Also | None = None
) -> AccountChange | bool:
    """Let the change happen; False when somebody else decided first. `secret` of what is returned
    is an invitation's code.

    Races:   proposed -> approved by the row's WHERE; the database refuses the maker, and who the
             account is of, as checker.
    Raises:  Forbidden (403) for these two, Fresh (403) by new credentials.
    """
    credentials.refuse_fresh(checker_id, now=now)
    decided = _decide(change_id, ChangeStatus.APPROVED, checker_id, now)
    if decided is None:
        return False
    user = decided.user
    if decided.kind in (Kind.INVITE, Kind.ROLE):
        _give_role(user, decided.role)
    if decided.kind == Kind.RESET:
        _shut(user, now)
    if decided.kind == Kind.STOP:
        User.objects.filter(pk=user.pk).update(is_active=False)
        _end_invitations(user, now)
    if decided.kind in OF_AN_INVITATION:
        decided.secret = _arm(Invitation.objects.get(change=decided), now)
    return decided


@retry.unit
def reject(*, change_id: int, checker_id: int, now: datetime, also: Also | None = None) -> bool:
    """Change nothing; False when somebody else decided first."""
    return _decide(change_id, ChangeStatus.REJECTED, checker_id, now) is not None


@retry.unit
def withdraw(*, change_id: int, maker_id: int, now: datetime, also: Also | None = None) -> bool:
    """Take back what oneself has proposed; False when somebody decided first."""
    row = AccountChange.objects.get(pk=change_id)
    if row.maker_id != maker_id:
        raise Forbidden()
    rows = AccountChange.objects.filter(pk=change_id)
    return move(rows, to=ChangeStatus.WITHDRAWN, decided_at=now, open_key=None)


@retry.unit
def invite_by_operator(
    *, username: str, role: str, now: datetime, also: Also | None = None
) -> tuple[User, str, str]:
    """By whoever has the server: the first accounts, and the way back in when nobody is left who
    could approve. An account that exists keeps its role unless one is given; its password and
    device are gone. Returns the account, the link's word and the code.
    """
    user = User.objects.filter(username=username).first()
    if user is None:
        user = _newcomer(username, "", "")
        _refuse_no_role(role)
    if role:
        _refuse_no_role(role)
        _give_role(user, role)
    _shut(user, now)
    word = secrets.token_urlsafe(32)
    invitation = Invitation.objects.create(user=user, link=digest(word))
    return user, word, _arm(invitation, now)


@retry.unit
def stop_by_operator(*, username: str, now: datetime, also: Also | None = None) -> User | bool:
    """Take an account out of use; False when it is, or there is none."""
    if not move(User.objects.filter(username=username, is_active=True), is_active=False):
        return False
    user = User.objects.get(username=username)
    _end_invitations(user, now)
    return user


@retry.unit
def set_own_password(
    *, user_id: int, old: str, new: str, now: datetime, also: Also | None = None
) -> bool:
    """One's own password, from one hash to another; False when it was changed meanwhile."""
    if not move(User.objects.filter(pk=user_id, password=old), password=new):
        return False
    credentials.changed(User.objects.get(pk=user_id), now=now)
    return True


def is_name(username: str) -> bool:
    try:
        ASCIIUsernameValidator()(username)
    except ValidationError:
        return False
    return len(username) <= NAME_MAX


def roles_of(user) -> str:
    """By their names; roles.shown is for people."""
    names = sorted(user.groups.values_list("name", flat=True))
    return roles.joined([*names, *([roles.SUPERUSER] if user.is_superuser else [])])


def _propose(kind, user, role, reason, maker_id, now) -> AccountChange:
    if kind in (Kind.INVITE, Kind.ROLE):
        _refuse_no_role(role)
    if AccountChange.objects.filter(open_key=str(user.pk)).exists():
        raise Waiting()
    row = AccountChange.objects.create(
        kind=kind,
        user=user,
        role=role,
        role_before=roles_of(user)[:64],
        reason=reason,
        maker_id=maker_id,
        proposed_at=now,
        open_key=str(user.pk),
    )
    if kind in OF_AN_INVITATION:
        row.secret = secrets.token_urlsafe(32)
        Invitation.objects.create(user=user, change=row, link=digest(row.secret))
    return row


def _decide(
    change_id: int, to: ChangeStatus, checker_id: int, now: datetime
) -> AccountChange | None:
    row = AccountChange.objects.select_related("user").get(pk=change_id)
    if checker_id in (row.maker_id, row.user_id):
        raise Forbidden()
    rows = AccountChange.objects.filter(pk=change_id)
    decided = move(rows, to=to, checker_id=checker_id, decided_at=now, open_key=None)
    return row if decided else None


def _newcomer(username: str, full_name: str, email: str) -> User:
    if not is_name(username):
        raise Invalid(errors={"username": [_("Letters, digits and @ . + - _ alone.")]})
    taken = Invalid(errors={"username": [_("This name is taken.")]})
    if User.objects.filter(username=username).exists():
        raise taken
    try:
        with transaction.atomic():
            return User.objects.create(
                username=username,
                first_name=full_name,
                email=email,
                password=make_password(None),
                is_active=False,
                is_staff=True,
            )
    except IntegrityError:
        raise taken from None


def _refuse_no_role(role: str) -> None:
    if not Group.objects.filter(name=role).exists():
        raise Invalid(errors={"role": [_("There is no such role.")]})


def _give_role(user: User, role: str) -> None:
    """One role and nothing beside it: so nobody holds money and accounts together."""
    user.groups.set([Group.objects.get(name=role)])
    user.user_permissions.clear()
    User.objects.filter(pk=user.pk).update(is_superuser=False, is_staff=True)


def _shut(user: User, now: datetime) -> None:
    """Nothing opens the account any more, open sessions included, but its next invitation."""
    User.objects.filter(pk=user.pk).update(password=make_password(None), is_active=False)
    TOTPDevice.objects.filter(user=user).delete()
    RecoveryCode.objects.filter(user=user).delete()
    _end_invitations(user, now)
    credentials.changed(User.objects.get(pk=user.pk), now=now)


def _end_invitations(user: User, now: datetime) -> None:
    Invitation.objects.filter(user=user, used_at=None, until__gt=now).update(until=now)


def _arm(invitation: Invitation, now: datetime) -> str:
    """From now on the invitation is good, with this code."""
    word = secrets.token_hex(5)
    invitation.code = digest(word)
    invitation.until = now + timedelta(seconds=settings.REDPACKET_INVITATION_S)
    invitation.save(update_fields=["code", "until"])
    return word
