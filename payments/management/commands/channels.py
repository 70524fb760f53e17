from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from django.db.models import Count

from kit import clock
from payments.channels import config, inspection
from payments.channels.config import Entry
from payments.channels.inspection import Finding
from payments.models import PaymentOrder
from payments.states import CHANNELS, PAYABLE


class Command(BaseCommand):
    help = "Payment channels: what is missing, does not fit, has expired or will soon."
    requires_system_checks = []  # what they would stop at is what this command explains

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["check"])

    def handle(self, *, action: str, **options: Any) -> None:
        try:
            entries = config.read(settings.REDPACKET_CHANNELS_FILE)
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        broken = []
        for pay_type in CHANNELS:
            if pay_type not in entries:
                self.stdout.write(f"{pay_type.word}: not offered, no settings")
                continue
            found = inspection.inspect(entries[pay_type], clock.now())
            if not any(finding.is_broken for finding in found):
                found += _orphans(entries[pay_type])
            for finding in found:
                mark = "BROKEN: " if finding.is_broken else ""
                self.stdout.write(f"{pay_type.word}: {mark}{finding.says}")
                broken += [pay_type.word] if finding.is_broken else []
        if entries and not settings.REDPACKET_PUBLIC_URL:
            raise CommandError("REDPACKET_PUBLIC_URL is missing: no channel could notify us.")
        if broken:
            raise CommandError(f"Broken: {', '.join(dict.fromkeys(broken))}.")


def _orphans(entry: Entry) -> list[Finding]:
    """Open orders that nobody can ask about, for want of the keys that they were made with."""
    try:
        known = [config.load(each).merchant_id for each in entry.sets]
        open_orders = PaymentOrder.objects.filter(pay_type=entry.pay_type, status__in=PAYABLE)
        found = list(
            open_orders.exclude(merchant__in=["", *known])
            .values_list("merchant")
            .annotate(number=Count("pk"))
            .order_by("merchant")
        )
    except DatabaseError:  # asked before there is one
        return []
    return [
        Finding(f"{number} open orders were made by {merchant}, whose keys are not here", True)
        for merchant, number in found
    ]
