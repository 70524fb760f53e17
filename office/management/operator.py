"""What whoever has the server does to the staff's and people's accounts: named, with a reason, and
noted with his name there."""

import getpass
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from kit.management import reasons
from office.frame import staff

REASON_MAX = 200  # with the operator's name before it still a reason (StaffAction)


class OperatorCommand(BaseCommand):
    whom = "username"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(self.whom)
        parser.add_argument("--reason", required=True, type=reasons.plain(REASON_MAX))

    @staticmethod
    def note(action: str, reason: str, obj: Any = None, kind: Any = staff.Note, **more: Any) -> Any:
        said = f"{getpass.getuser()}: {reason}"
        return kind(user=staff.operator(), action=action, obj=obj, reason=said, **more)
