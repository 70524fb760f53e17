from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from payments.channels import config, inspection
from payments.states import CHANNELS


class Command(BaseCommand):
    help = "Payment channels: what is missing, does not fit, has expired or will soon."
    requires_system_checks = []  # what they would stop at is what this command explains

    def add_arguments(self, parser):
        parser.add_argument("action", choices=["check"])

    def handle(self, *, action, **options):
        try:
            entries = config.read(settings.REDPACKET_CHANNELS_FILE)
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        broken = []
        for pay_type in CHANNELS:
            if pay_type not in entries:
                self.stdout.write(f"{pay_type.word}: not offered, no settings")
                continue
            for finding in inspection.inspect(entries[pay_type], timezone.now()):
                mark = "BROKEN: " if finding.is_broken else ""
                self.stdout.write(f"{pay_type.word}: {mark}{finding.says}")
                broken += [pay_type.word] if finding.is_broken else []
        if entries and not settings.REDPACKET_PUBLIC_URL:
            raise CommandError("REDPACKET_PUBLIC_URL is missing: no channel could notify us.")
        if broken:
            raise CommandError(f"Broken: {', '.join(dict.fromkeys(broken))}.")
