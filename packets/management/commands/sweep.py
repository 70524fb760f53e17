from django.core.management.base import BaseCommand

from packets.tasks import SWEEPS


class Command(BaseCommand):
    help = "Run every sweep of the beat schedule once, now."

    def handle(self, **options):
        for task in SWEEPS:
            self.stdout.write(f"{task.name}: {task()}")
