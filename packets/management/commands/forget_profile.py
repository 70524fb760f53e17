from django.core.management.base import BaseCommand, CommandError

from packets import profiles
from redpacket_site.kit.ids import is_outside_id


class Command(BaseCommand):
    help = "Remove a user's nickname and avatar everywhere; the ledger stays."

    def add_arguments(self, parser):
        parser.add_argument("user")

    def handle(self, *, user, **options):
        if not is_outside_id(user):
            raise CommandError(f"{user!r} is no user id.")
        done = profiles.forget(user_id=user)
        self.stdout.write(f"{user}: {'removed' if done else 'nothing was kept'}")
