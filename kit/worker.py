"""What every task does around its work."""

from typing import Any

from celery.contrib.django.task import DjangoTask

from kit import heartbeat


class Task(DjangoTask):
    """Decides nothing by a clock that is wrong, and leaves a sign of life when it has ended well.

    What it leaves undone, the sweep of a worker with a better clock finds.
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not heartbeat.is_clock_right():
            return None
        result = self.run(*args, **kwargs)
        heartbeat.beat(self.name)
        return result
