from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from kit import ids, money
from kit.management import reasons
from wallets.credit import credit
from wallets.statement import balance


class Command(BaseCommand):
    help = "Development: credit a wallet out of the platform's own money, through the ledger."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user")
        parser.add_argument("amount", help="yuan, such as 100.00")
        parser.add_argument("--reason", required=True, type=reasons.plain(255))

    def handle(self, *, user: str, amount: str, reason: str, **options: Any) -> None:
        if not ids.is_outside_id(user):
            raise CommandError(f"{user!r} is no user id: 1 to 64 characters of A-Z a-z 0-9 _.:@-")
        try:
            yuan = money.yuan(amount)
        except (ValueError, ArithmeticError):
            yuan = None
        if not yuan or yuan > 10_000_000:
            raise CommandError(f"{amount!r} is no amount: yuan with at most two places, above 0.")
        reference = credit(user_id=user, amount=yuan, reason=reason, now=timezone.now())
        self.stdout.write(f"{reference}: {user} has {balance(user).balance}")
