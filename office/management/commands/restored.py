import sys
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from kit import outbox
from kit.plumbing import redis


class Command(BaseCommand):
    help = (
        "After a database was restored and before anything is started: empty Redis, audit"
        " everything, and let events go on behind what the chat server has read. Exit code 0: open."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--read", type=int, required=True, help="the last place that the chat server has read"
        )

    def handle(self, *, read: int, **options: Any) -> None:
        if redis.is_configured():
            try:
                redis.empty()
            except redis.Down:
                raise CommandError("Redis does not answer: start it, it must be emptied.") from None
            self.stdout.write("Redis is empty.")
        try:
            call_command("audit", every_day=True, stdout=self.stdout)
        except SystemExit:
            self.stderr.write("Open nothing: docs/runbook.md#the-audit-complains")
            sys.exit(1)
        kept = outbox.go_on_behind(read)
        if read > kept:
            self.stdout.write(
                f"Events are kept up to {kept}. Those from {kept + 1} to {read} that the chat"
                f" server has read tell what was lost; new ones begin at {read + 1}."
            )
        else:
            self.stdout.write(f"No event that the chat server has read was lost ({kept} are kept).")
