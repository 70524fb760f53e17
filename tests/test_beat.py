"""Beat and clocks that jump: an entry from the future runs, and an hour taken back stops nobody."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django_celery_beat.models import PeriodicTask, PeriodicTasks
from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry

from kit.plumbing.scheduler import Scheduler
from redpacket_site import celery

NAME = "packets.refund_expired"


@pytest.fixture
def tomorrow():
    """Every entry has run tomorrow, says the table."""
    Scheduler(app=celery.app).setup_schedule()
    PeriodicTask.objects.update(last_run_at=timezone.now() + timedelta(days=1))
    PeriodicTasks.update_changed()


def waits_s(scheduler) -> dict[str, float]:
    """In how many seconds each sweep runs next."""
    entries = scheduler.all_as_schedule()
    return {name: entries[name].is_due().next for name in celery.SCHEDULE}


def test_an_entry_that_ran_in_the_future_runs_within_its_interval(tomorrow):
    waits = waits_s(Scheduler(app=celery.app))

    assert all(waits[name] <= every_s for name, every_s in celery.SCHEDULE.items()), waits


def test_an_entry_that_ran_in_the_future_waits_for_it_without_the_guard(tomorrow, monkeypatch):
    monkeypatch.setattr(Scheduler, "Entry", ModelEntry)

    assert min(waits_s(Scheduler(app=celery.app)).values()) > 80_000


class Jumping(ModelEntry):
    """An entry whose clock can be set back."""

    back = timedelta()

    def default_now(self):
        return super().default_now() - self.back


def first_of_two(scheduler_class) -> str:
    """One entry is due in a second; an hour is taken back; another one is due in two seconds."""
    scheduler = scheduler_class(app=celery.app)
    scheduler.setup_schedule()
    entry = Jumping(PeriodicTask.objects.get(name=NAME), app=celery.app)
    sooner = scheduler._when(entry, 1)
    entry.back = timedelta(hours=1)
    later = scheduler._when(entry, 2)
    return "sooner" if sooner < later else "later"


def test_an_hour_taken_back_keeps_the_order():
    assert first_of_two(Scheduler) == "sooner"


def test_an_hour_taken_back_turns_the_order_without_the_guard():
    assert first_of_two(DatabaseScheduler) == "later"
