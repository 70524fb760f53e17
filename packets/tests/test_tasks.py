"""What runs by itself: the table, its tasks, and how long a message is good for."""

from importlib import import_module
from io import StringIO

import pytest
from django.core.management import call_command
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from django_celery_beat.schedulers import ModelEntry

from kit import sweeps
from kit.plumbing.scheduler import MARK, Scheduler
from redpacket_site import celery


def test_every_entry_of_the_tables_is_a_task():
    for app in ("kit", "packets", "payments", "sandbox", "wallets", "office", "office.export"):
        import_module(f"{app}.tasks")  # Celery's own search only logs what it cannot import

    assert set(celery.SCHEDULE) | set(celery.DAILY) <= set(celery.app.tasks)


def test_the_command_runs_every_sweep_once():
    out = StringIO()

    call_command("sweep", stdout=out)

    ran = [line.partition(":")[0] for line in out.getvalue().splitlines()]
    assert sorted(ran) == sorted(celery.SCHEDULE)


def test_message_that_waited_past_the_next_beat_is_dropped():
    """As the scheduler will send it, not as the table asks for it."""
    laid_out()

    sent_with = {
        task.name: ModelEntry(task, app=celery.app).options["expires"]
        for task in PeriodicTask.objects.filter(name__in=celery.SCHEDULE)
    }

    assert sent_with == celery.SCHEDULE


def test_no_sweep_outlives_its_task(settings):
    assert (
        sweeps.BUDGET_S
        < settings.CELERY_TASK_SOFT_TIME_LIMIT
        < settings.CELERY_TASK_TIME_LIMIT
        < 60
    ), "60 s: a Redis broker would hand the message to another worker"


@pytest.fixture
def operators_own():
    every = IntervalSchedule.objects.create(every=7, period="seconds")
    return PeriodicTask.objects.create(name="my own", task="packets.close_drafts", interval=every)


def laid_out() -> set[str]:
    Scheduler(app=celery.app).setup_schedule()
    return set(PeriodicTask.objects.values_list("name", flat=True))


def test_entry_that_left_the_table_is_dropped_and_an_operators_own_stays(operators_own):
    first = laid_out()
    assert set(celery.SCHEDULE) <= first
    PeriodicTask.objects.create(
        name="packets.of_last_year",
        task="packets.of_last_year",
        interval=operators_own.interval,
        description=MARK,
    )

    second = laid_out()

    assert second == first
    assert "my own" in second
    kept = PeriodicTask.objects.get(name="packets.refund_expired")
    assert (kept.interval.every, kept.expire_seconds) == (5, 5)
