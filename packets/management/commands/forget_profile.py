from django.core.management.base import BaseCommand

from packets import profiles


class Command(BaseCommand):
    help = "Remove a user's nickname and avatar everywhere; the ledger stays."

    def add_arguments(self, parser):
        parser.add_argument("user")

    def handle(self, *, user, **options):
        done = profiles.forget(user_id=user)
        self.stdout.write(f"{user}: {'removed' if done else 'nothing was kept'}")
