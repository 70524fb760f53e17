"""What the chat server would read, on a terminal."""

import json
import re
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from kit import outbox

PAGE = 100
PAUSE_S = 1


class Command(BaseCommand):
    help = "Print events, a JSON line each, as they come; Ctrl-C ends it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--after", default="latest", help="a place, or latest (the default)")
        parser.add_argument("--types", default="", help="only these, with commas between them")
        parser.add_argument("--once", action="store_true", help="print what is there, and end")

    def handle(self, *, after: str, types: str, once: bool, **options: Any) -> None:
        if not re.fullmatch("[0-9]{1,18}|latest", after):
            raise CommandError("--after takes a place (a number), or latest")
        if not re.fullmatch(r"([a-z]+\.[a-z]+(,|$))*", types):
            raise CommandError("--types takes words like packet.issued, with commas between them")
        place = outbox.latest() if after == "latest" else int(after)
        wanted = frozenset(filter(None, types.split(",")))
        while True:
            page = outbox.page(after=place, limit=PAGE, types=wanted)
            for one in page.news:
                told = {"id": str(one.place), "type": one.type, "data": one.data}
                told["time"] = one.created_at.isoformat()
                self.stdout.write(json.dumps(told, ensure_ascii=False))
            is_all = page.next == place
            place = page.next
            if is_all and once:
                return
            if is_all:
                time.sleep(PAUSE_S)
