from django.core.management.base import CommandError

from kit import clock
from office.accounts import tries
from office.management.operator import OperatorCommand
from office.models import Tries


class Command(OperatorCommand):
    help = "For whoever has the server: open every lock-out of a name or an address."
    whom = "name_or_address"

    def handle(self, *, name_or_address, reason, **options):
        rows = Tries.objects.filter(username=name_or_address)
        rows |= Tries.objects.filter(address=name_or_address)
        done = 0
        for row in rows:
            note = self.note("unlock_login", reason, row)
            done += tries.unlock(tries_id=row.pk, now=clock.now(), also=note)
        if not done:
            raise CommandError("Nothing is locked there.")
        self.stdout.write(f"{done} opened")
