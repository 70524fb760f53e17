from typing import Any

from django.core.management.base import CommandError

from kit import clock
from kit.ids import is_outside_id
from office import erase
from office.management.operator import OperatorCommand
from wallets.models import Wallet


class Command(OperatorCommand):
    help = (
        "Erase a person: names, memberships and words go, the books stay under a pseudonym. For"
        " whoever has the server, as the account that may change history (docs/privacy.md)."
    )

    whom = "user"

    def handle(self, *, user: str, reason: str, **options: Any) -> None:
        if not is_outside_id(user):
            raise CommandError(f"{user!r} is no user id.")
        now = clock.now()

        def note(wallet: Wallet) -> None:
            self.note("erase_person", reason, wallet).keep(wallet)

        try:
            pseudonym = erase.erase(user_id=user, now=now, also=note)
        except erase.Remains as remains:
            raise CommandError(f"Not yet: {remains}") from None
        self.stdout.write(f"erased; the books know this person as {pseudonym}")
