"""A change of an account under four eyes: decided once, by somebody else, and what it leaves."""

import pytest
from django.contrib.auth.models import Group, User
from django.db import IntegrityError
from django.utils import timezone

from office import roles
from office.accounts import changes
from office.models import AccountChange, StaffAction
from office.states import ChangeStatus
from testing import desk
from testing.forks import in_threads
from tests.attacks.test_staff import propose

Kind = AccountChange.Kind


def test_a_role_takes_the_place_of_all_before():
    first, second = desk.staff(roles.ACCOUNTS), desk.staff(None)
    user = desk.account(roles.CHECKER)
    user.groups.add(Group.objects.get(name=roles.MAKER))
    user.user_permissions.add(Group.objects.get(name=roles.SUPPORT).permissions.first())
    User.objects.filter(pk=user.pk).update(is_superuser=True)

    propose(first, "propose_role", username=user.username, role=roles.ACCOUNTS)
    change = AccountChange.objects.get()
    assert second.act(change, "approve_account_change", reason="").status_code == 302

    user.refresh_from_db()
    assert [g.name for g in user.groups.all()] == [roles.ACCOUNTS]
    assert not user.user_permissions.exists() and not user.is_superuser
    noted = StaffAction.objects.get(action="approve_account_change")
    assert noted.changes["role"] == ["finance checker, finance maker, superuser", "accounts"]


def test_the_database_refuses_two_eyes():
    first, user = desk.account(roles.ACCOUNTS), desk.account(roles.SUPPORT)
    change = changes.change(
        kind=Kind.STOP, user_id=user.pk, reason="because", maker_id=first.pk, now=timezone.now()
    )

    for checker in (first, user):
        with pytest.raises(IntegrityError):
            AccountChange.objects.filter(pk=change.pk).update(
                status=ChangeStatus.APPROVED, checker=checker
            )


def approved_by_two() -> list:
    maker, user = desk.account(roles.ACCOUNTS), desk.account(roles.SUPPORT)
    checkers = [desk.account(roles.ACCOUNTS, name).pk for name in ("one", "two")]
    now = timezone.now()
    change = changes.change(
        kind=Kind.RESET, user_id=user.pk, reason="because", maker_id=maker.pk, now=now
    )
    about = {"change_id": change.pk, "now": now}
    return in_threads([lambda c=c: changes.approve(checker_id=c, **about) for c in checkers])


def test_a_change_is_approved_once():
    answers = approved_by_two()

    assert sorted(bool(answer) for answer in answers) == [False, True]


def test_a_change_is_approved_once_without_the_where(monkeypatch):
    """The twin: both are told a code, and the first one's is good no more."""
    monkeypatch.setattr(changes, "move", lambda rows, to, **facts: bool(rows.update(**facts)))

    answers = approved_by_two()

    assert [bool(answer) for answer in answers] == [True, True]
