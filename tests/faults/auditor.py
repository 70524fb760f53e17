"""The audit in a process of its own: beside the load, and while the next faults happen already."""

import json
import os
import select
import subprocess
import sys

import django
from django.db import DatabaseError, close_old_connections, connection

NICE = 5  # what people wait for comes first


class Auditor:
    """One audit at a time."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.auditor"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.is_at_it = False
        self.begin()
        self.found()  # it takes a while to be there

    def begin(self) -> None:
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        self.is_at_it = True

    def is_done(self) -> bool:
        return not self.is_at_it or bool(select.select([self.process.stdout], [], [], 0)[0])

    def found(self) -> list[str]:
        """Of the audit that was begun, when it is done; of a new one where the database went away
        under it."""
        while self.is_at_it:
            found = json.loads(self.process.stdout.readline())
            self.is_at_it = False
            if found is not None:
                return found
            self.begin()
        return []

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


def audited() -> list[str] | None:
    """Every finding; None: the database was hurt meanwhile."""
    from tests.faults.check import findings

    close_old_connections()
    try:
        return findings()
    except DatabaseError:
        connection.close()
        return None


if __name__ == "__main__":
    os.nice(NICE)
    django.setup()
    for _ in sys.stdin:
        print(json.dumps(audited()), flush=True)
