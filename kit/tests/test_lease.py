"""One worker at a time on a row, for a while."""

from datetime import timedelta

import pytest
from django.utils import timezone

from kit import lease
from kit.models import Duty


@pytest.fixture
def row() -> Duty:
    return Duty.objects.create(name="x")


def take(now, for_s: float = 10):
    return lease.take(Duty.objects.all(), "x", now=now, for_s=for_s)


def test_who_comes_second_gets_none(row):
    now = timezone.now()

    assert take(now) is not None
    assert take(now) is None
    assert take(now + timedelta(seconds=9.999)) is None


def test_it_ends_by_itself_and_fences_off_who_held_it(row):
    now = timezone.now()
    late = take(now)

    successor = take(now + timedelta(seconds=10))

    assert successor is not None
    assert (late.rows.exists(), successor.rows.exists()) == (False, True)
    assert late.end() is False
    row.refresh_from_db()
    assert row.lease is not None


def test_it_is_let_go_at_once(row):
    now = timezone.now()
    held = take(now)

    assert held.end() is True
    assert held.end() is False
    assert take(now) is not None


def test_what_is_not_due_is_not_leased(row):
    now = timezone.now()

    assert lease.take(Duty.objects.exclude(name="x"), "x", now=now, for_s=1) is None
    assert lease.take(Duty.objects.all(), "y", now=now, for_s=1) is None
