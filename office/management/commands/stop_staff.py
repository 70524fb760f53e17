from django.core.management.base import CommandError

from kit import clock
from office.accounts import changes
from office.frame.proposals import Made
from office.management.operator import OperatorCommand


class Command(OperatorCommand):
    help = "For whoever has the server: take an account of the staff out of use, at once."

    def handle(self, *, username, reason, **options):
        changed = {"account": username, "active": [True, False]}
        note = self.note("stop_staff", reason, kind=Made, changes=changed)
        if not changes.stop_by_operator(username=username, now=clock.now(), also=note):
            raise CommandError("There is no such account in use.")
        self.stdout.write(f"{username} cannot log in any more")
