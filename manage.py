#!/usr/bin/env python
"""Django's command line for Hongbao."""

import json
import os
import signal
import sys
from pathlib import Path


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "redpacket_site.settings")
    for name, value in _running_stack().items():
        os.environ.setdefault(name, value)
    signal.signal(signal.SIGTERM, _end)
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(str(error))


def _end(number: int, _frame) -> None:
    """In order, so that what was done is rolled back or said: not in the middle of a line."""
    sys.exit(128 + number)


def _running_stack() -> dict[str, str]:
    """Where `make up` listens, and keeps database, Redis and broker, while it runs: commands go
    there, too."""
    data = os.environ.get("REDPACKET_DATA_DIR") or Path(__file__).resolve().parent / "var"
    told = Path(data).expanduser() / "run" / "stack.json"
    return json.loads(told.read_text()) if told.is_file() else {}


if __name__ == "__main__":
    main()
