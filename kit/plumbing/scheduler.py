"""django-celery-beat's scheduler, made fit for clocks that jump and for entries that leave.

An entry that has left the table in celery.py would be fired for ever; what operators add in the
admin stays: ours carry a mark. An entry that last ran in the future, because a clock was ahead,
would not run until then.
"""

import time
from typing import Any

from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry

MARK = "Laid out by code; change redpacket_site/celery.py instead."


class Entry(ModelEntry):
    last_run_at: Any

    def is_due(self) -> Any:
        self.last_run_at = min(self.last_run_at, self._default_now())
        return super().is_due()


class Scheduler(DatabaseScheduler):
    Entry = Entry

    def setup_schedule(self) -> None:
        super().setup_schedule()
        ours = list(self.app.conf.beat_schedule)
        PeriodicTask.objects.filter(description=MARK).exclude(name__in=ours).delete()
        PeriodicTask.objects.filter(name__in=ours).update(description=MARK)

    def _when(self, entry: Any, next_time_to_run: float, **_: Any) -> float:
        """The order of the heap, by a clock that never goes back: behind entries of an hour that
        was taken back, all others would wait for it to come again."""
        return time.monotonic() + (self.adjust(next_time_to_run) or 0)
