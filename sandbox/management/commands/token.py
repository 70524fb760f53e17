from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from kit.ids import is_outside_id
from sandbox.tokens import token


class Command(BaseCommand):
    help = "Development: print a JWT for a chat user, or one a line for several."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("users", metavar="user", nargs="+")
        most = settings.REDPACKET_TOKEN_LIFE_S
        parser.add_argument("--ttl", type=int, default=most, help="seconds it is good for")

    def handle(self, *, users: str, ttl: int, **options: Any) -> None:
        for user in users:
            if not is_outside_id(user):
                raise CommandError(f"{user!r} is no user id: 1 to 64 characters, A-Z a-z 0-9 _.:@-")
        if not 1 <= ttl <= settings.REDPACKET_TOKEN_LIFE_S:
            raise CommandError(
                f"--ttl takes seconds, from 1 to {settings.REDPACKET_TOKEN_LIFE_S}"
                " (REDPACKET_TOKEN_LIFE_S)."
            )
        for user in users:
            self.stdout.write(token(user, ttl))
