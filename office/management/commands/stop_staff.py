import getpass

from django.core.management.base import BaseCommand, CommandError

from kit import clock
from office.accounts import changes
from office.frame import staff
from office.frame.proposals import Made


class _Stopped(Made):
    def keep(self, result):
        if result is not False:
            super().keep(result)


class Command(BaseCommand):
    help = "For whoever has the server: take an account of the staff out of use, at once."

    def add_arguments(self, parser):
        parser.add_argument("username")
        parser.add_argument("--reason", required=True)

    def handle(self, *, username, reason, **options):
        note = _Stopped(
            user=staff.operator(),
            action="stop_staff",
            obj=None,
            reason=f"{getpass.getuser()}: {reason}",
            changes={"account": username, "active": [True, False]},
        )
        if not changes.stop_by_operator(username=username, now=clock.now(), also=note):
            raise CommandError("There is no such account in use.")
        self.stdout.write(f"{username} cannot log in any more")
