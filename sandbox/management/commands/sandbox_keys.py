from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from sandbox import keys


class Command(BaseCommand):
    help = "Development: make the channels' settings and test keys that are missing."
    requires_system_checks = []  # they would stop at the very files that are made here

    def add_arguments(self, parser):
        parser.add_argument("file", nargs="?", type=Path, help="default: REDPACKET_CHANNELS_FILE")

    def handle(self, *, file, **options):
        file = file or settings.REDPACKET_CHANNELS_FILE
        try:
            made = keys.make(file)
        except (OSError, ValueError, KeyError, AttributeError, TypeError, keys.KeyMissing) as error:
            raise CommandError(f"{file}: the keys cannot be made: {error!r}") from error
        for name in made:
            self.stdout.write(name)
