"""What staff did, and how they came in: rows that the auditor reads."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Permission, User
from django.db import models
from django.db.models import Q
from django.http import HttpRequest

from kit import clock
from kit.http import address
from kit.plumbing import texts
from office.models import StaffAction, StaffEvent

# Whoever has it looks after the accounts of staff, and after no money.
MANAGE_ACCOUNTS = "office.manage_accounts"
EXPORT = "export"  # of a list: the key beside it is that of the job
_MOVES_NO_MONEY = ("manage_accounts", EXPORT)


def may(user: Any, permission: str) -> bool:
    """Whether somebody may act so. Money and accounts are never in one hand: who looks after the
    accounts, as every superuser does, acts upon nothing else; who was given both does neither."""
    if not user.has_perm(permission):
        return False
    if permission == MANAGE_ACCOUNTS:
        return not is_given_money(user)
    return not user.has_perm(MANAGE_ACCOUNTS)


def is_given_money(user: Any) -> bool:
    """Whether roles let him act upon money or customers; a superuser's flag is no role."""
    acts = Permission.objects.exclude(codename__startswith="view_")
    acts = acts.exclude(codename__in=_MOVES_NO_MONEY)
    return acts.filter(Q(group__user=user) | Q(user=user)).exists()


def operator() -> User:
    """Who acts by manage.py on the server: an account that nobody can log in with."""
    made = {"is_active": False, "is_staff": False, "password": make_password(None)}
    return User.objects.get_or_create(username="manage.py", defaults=made)[0]


def model_name(obj: models.Model | type[models.Model]) -> str:
    return obj._meta.label_lower


@dataclass
class Note:
    """An `also` for verbs (kit/retry.py): the staff member's log line commits with the work.

    A verb that answers False has changed nothing, and then nothing is noted. `once` is unique: the
    second of two that bear it rolls back with what it did.
    """

    user: Any
    action: str
    obj: Any  # the row; None until the verb has made it
    reason: str
    ip: str | None = None
    once: str | None = None
    changes: dict | None = None
    now: datetime = field(default_factory=clock.now)

    def begin(self) -> None:
        """Nothing to claim: the verb's own WHERE decides."""

    def keep(self, result: Any) -> None:
        if result is False:
            return
        StaffAction.objects.create(
            user=self.user,
            action=self.action,
            model=model_name(self.obj),
            key=str(self.obj.pk),
            subject=str(self.obj)[:128],
            reason=self.reason[:255],
            changes=self.changes,
            once=self.once,
            ip=self.ip,
            created_at=self.now,
        )
        LogEntry.objects.log_actions(
            self.user.pk, [self.obj], CHANGE, f"{self.action}: {self.reason}", single_object=True
        )


def acts_on(model: type[models.Model], keys: Iterable[Any]) -> models.QuerySet[StaffAction]:
    """What staff did to these rows."""
    acts = StaffAction.objects.filter(model=model_name(model), key__in=map(str, keys))
    return acts.exclude(action=EXPORT)


def acted_on(model: type[models.Model], keys: Iterable[int]) -> set[int]:
    """Those of the rows that somebody of the staff has acted upon."""
    return {int(key) for key in acts_on(model, keys).values_list("key", flat=True)}


def event(kind: StaffEvent.Kind, *, username: str, request: HttpRequest) -> None:
    StaffEvent.objects.create(
        kind=kind,
        username=texts.seen(username or "")[:150],  # a stranger's words, too
        ip=address.of(request),
        agent=texts.seen(request.META.get("HTTP_USER_AGENT", "") if request else "")[:200],
        created_at=clock.now(),
    )
