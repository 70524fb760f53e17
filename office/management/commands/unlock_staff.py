import getpass

from django.core.management.base import BaseCommand, CommandError

from kit import clock
from office.accounts import tries
from office.frame import staff
from office.models import Tries


class Command(BaseCommand):
    help = "For whoever has the server: open every lock-out of a name or an address."

    def add_arguments(self, parser):
        parser.add_argument("name_or_address")
        parser.add_argument("--reason", required=True)

    def handle(self, *, name_or_address, reason, **options):
        rows = Tries.objects.filter(username=name_or_address)
        rows |= Tries.objects.filter(address=name_or_address)
        done = 0
        for row in rows:
            note = staff.Note(
                user=staff.operator(),
                action="unlock_login",
                obj=row,
                reason=f"{getpass.getuser()}: {reason}",
            )
            done += tries.unlock(tries_id=row.pk, now=clock.now(), also=note)
        if not done:
            raise CommandError("Nothing is locked there.")
        self.stdout.write(f"{done} opened")
