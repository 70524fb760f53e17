import sys
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from kit import clock
from payments import bills, reconcile
from payments.channels.base import ChannelDown, NoBill, Refused
from payments.states import CHANNELS, PAY_TYPE_OF, PayType


class Command(BaseCommand):
    help = "Compare a day's orders and refunds with the channel's bill: exit 0 when all matched."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("channel", choices=[channel.word for channel in CHANNELS])
        parser.add_argument("date", help="YYYY-MM-DD, a day in China")
        parser.add_argument("file", nargs="?", help="the bill; without it, the channel is asked")

    def handle(self, *, channel: str, date: str, file: str | None, **options: Any) -> None:
        pay_type, day = PAY_TYPE_OF[channel], _day(date)
        try:
            content = [Path(file).read_bytes()] if file else self._download(pay_type, day)
            result = reconcile.reconcile(
                pay_type=pay_type, day=day, content=content, now=clock.now()
            )
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}", returncode=2) from error
        except bills.Unreadable as error:
            raise CommandError(f"Not a bill of this channel: {error}", returncode=2) from error
        except reconcile.BeingCompared as error:
            raise CommandError(str(error.detail), returncode=2) from error
        except LookupError as error:
            raise CommandError(f"{channel} has no settings here.", returncode=2) from error
        except (ChannelDown, Refused) as error:
            raise CommandError(f"{channel} gives no bill: {error}", returncode=2) from error
        for difference in result.differences:
            self.stdout.write(str(difference))
        if result.count > len(result.differences):
            self.stdout.write(f"... and {result.count - len(result.differences)} more")
        self.stderr.write(f"{result.matched} matched, {result.count} differences")
        if result.count:
            sys.exit(1)

    def _download(self, pay_type: PayType, day: date) -> list[bytes] | None:
        try:
            return reconcile.download(pay_type=pay_type, day=day)
        except NoBill as error:
            self.stderr.write(f"{pay_type.word} says that there were no transactions: {error}")
            return None


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{text!r} is no date: YYYY-MM-DD.", returncode=2) from None
