"""django-celery-beat's scheduler, dropping entries that have left the table in celery.py.

It would keep firing them for ever. What operators add in the admin stays: ours carry a mark.
"""

from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler

MARK = "Laid out by code; change redpacket_site/celery.py instead."


class Scheduler(DatabaseScheduler):
    def setup_schedule(self):
        super().setup_schedule()
        ours = list(self.app.conf.beat_schedule)
        PeriodicTask.objects.filter(description=MARK).exclude(name__in=ours).delete()
        PeriodicTask.objects.filter(name__in=ours).update(description=MARK)
