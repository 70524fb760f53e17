"""What has no row of its own is done by one at a time."""

from datetime import timedelta

import pytest
from django.utils import timezone

from kit import duty, lease
from kit.models import Duty


def test_who_comes_meanwhile_does_nothing():
    now, done = timezone.now(), []

    def work():
        done.append(duty.run("x", lambda: "second", now=now, for_s=10))
        return duty.run("y", lambda: "another duty", now=now, for_s=10)

    assert duty.run("x", work, now=now, for_s=10) == "another duty"
    assert done == [None]


def test_a_duty_that_failed_is_free_at_once():
    now = timezone.now()
    with pytest.raises(ZeroDivisionError):
        duty.run("x", lambda: 1 / 0, now=now, for_s=10)

    assert duty.run("x", lambda: "done", now=now, for_s=10) == "done"


def test_one_that_was_killed_is_free_after_its_time():
    now = timezone.now()
    Duty.objects.create(name="x")
    lease.take(Duty.objects.all(), "x", now=now, for_s=10)  # and nobody ends it

    soon, later = now + timedelta(seconds=9), now + timedelta(seconds=10)

    assert duty.run("x", lambda: "done", now=soon, for_s=10) is None
    assert duty.run("x", lambda: "done", now=later, for_s=10) == "done"
