from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from kit.ids import is_outside_id
from packets import profiles


class Command(BaseCommand):
    help = "Remove a user's nickname and avatar everywhere; the ledger stays."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user")

    def handle(self, *, user: str, **options: Any) -> None:
        if not is_outside_id(user):
            raise CommandError(f"{user!r} is no user id.")
        done = profiles.forget(user_id=user)
        self.stdout.write(f"{user}: {'removed' if done else 'nothing was kept'}")
