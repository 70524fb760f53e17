"""Tries to log in at the same time: never more passwords are looked at than tries are left."""

import threading
from unittest import mock

import pytest
from django.contrib.auth import authenticate
from django.db.models import F

from office import roles
from office.accounts import tries
from office.models import StaffEvent, Tries
from testing import desk
from testing.forks import in_threads

AT_ONCE = 16
MOST = tries.MOST[Tries.Kind.PAIR]


@pytest.fixture(autouse=True)
def all_may_hash(settings):
    """They meet at the tries, and not at the seats before them (office/accounts/passwords.py)."""
    settings.REDPACKET_PASSWORDS_AT_ONCE = AT_ONCE


def all_at_once() -> tuple[list[int], int]:
    """16 log-ins with wrong passwords: what each is answered, how many passwords are checked."""
    user = desk.account(roles.SUPPORT)
    sitting = [desk.Desk(user) for _ in range(AT_ONCE)]
    with mock.patch("django.contrib.auth.forms.authenticate", wraps=authenticate) as checked:
        answers = in_threads([lambda d=d: d.log_in("", "guess").status_code for d in sitting])
    return sorted(answers), checked.call_count


def test_tries_at_once_are_no_more_than_are_left():
    answers, checked = all_at_once()

    assert checked == MOST
    assert answers == [200] * MOST + [429] * (AT_ONCE - MOST)
    assert StaffEvent.objects.filter(kind=StaffEvent.Kind.LOCKED).count() == 1
    assert list(Tries.objects.values_list("used", flat=True)) == [MOST] * 3


def test_tries_at_once_are_no_more_than_are_left_without_the_where(monkeypatch):
    """The twin: counts are read, looked at and then written, as one would by habit."""
    all_have_read = threading.Barrier(AT_ONCE, timeout=60)

    def careless(keys, now):
        rows = Tries.objects.filter(key__in=keys)
        assert all(row.used < tries.MOST[Tries.Kind(row.kind)] for row in rows)
        all_have_read.wait()
        rows.update(used=F("used") + 1)

    monkeypatch.setattr(tries, "count", careless)
    answers, checked = all_at_once()

    assert checked == AT_ONCE, "eleven guesses more than one has"
    assert answers == [200] * AT_ONCE
