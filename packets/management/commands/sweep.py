from typing import Any

from celery import current_app
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Run every sweep of the beat schedule once, now, but for what runs once a day."

    def handle(self, **options: Any) -> None:
        current_app.loader.import_default_modules()
        for name, entry in current_app.conf.beat_schedule.items():
            if isinstance(entry["schedule"], int):
                self.stdout.write(f"{name}: {current_app.tasks[name]()}")
