import getpass
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from kit import clock
from kit.ids import is_outside_id
from kit.plumbing import texts
from office import erase
from office.frame import staff
from wallets.models import Wallet


class Command(BaseCommand):
    help = (
        "Erase a person: names, memberships and words go, the books stay under a pseudonym. For"
        " whoever has the server, as the account that may change history (docs/privacy.md)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user")
        parser.add_argument("--reason", required=True, help="who has asked for it, and when")

    def handle(self, *, user: str, reason: str, **options: Any) -> None:
        if not is_outside_id(user):
            raise CommandError(f"{user!r} is no user id.")
        if not 1 <= len(reason.strip()) <= 200 or not texts.is_plain(reason):
            raise CommandError("--reason takes 1 to 200 plain characters.")
        now = clock.now()

        def note(wallet: Wallet) -> None:
            said = f"{getpass.getuser()}: {reason}"
            by = staff.Note(user=staff.operator(), action="erase_person", obj=wallet, reason=said)
            by.keep(wallet)

        try:
            pseudonym = erase.erase(user_id=user, now=now, also=note)
        except erase.Remains as remains:
            raise CommandError(f"Not yet: {remains}") from None
        self.stdout.write(f"erased; the books know this person as {pseudonym}")
