from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from kit import clock
from kit.ids import is_outside_id
from kit.management import reasons
from packets import freeze as packet_freeze
from packets.models import RedPacket
from wallets import freeze as wallet_freeze


class Command(BaseCommand):
    help = "Freeze a wallet or a packet."
    verb = "freeze"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=["wallet", "packet"])
        parser.add_argument("id")
        parser.add_argument("--reason", required=True, type=reasons.plain(255))

    def handle(self, *, what: str, id: str, reason: str, **options: Any) -> None:
        if what == "wallet" and not is_outside_id(id):
            raise CommandError(f"{id!r} is no user id.")
        if what == "packet" and not RedPacket.objects.filter(public_id=id).exists():
            raise CommandError(f"There is no packet {id}.")
        module, name = (
            (wallet_freeze, "user_id") if what == "wallet" else (packet_freeze, "public_id")
        )
        done = getattr(module, self.verb)(**{name: id}, reason=reason, now=clock.now())
        self.stdout.write(f"{what} {id}: {self.verb} {'done' if done else 'was done before'}")
