"""One consistent view of the database for a long read; nobody waits for it (docs/locks.md)."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections

from kit.plumbing import replica


@contextmanager
def snapshot() -> Iterator[None]:
    """Everything read inside sees the same instant; nothing may be written inside. Of whichever
    database is read just now.

    Inside a test's own transaction there is one view already.
    """
    connection = connections[replica.alias()]
    if connection.in_atomic_block:
        yield
        return
    with connection.cursor() as cursor:
        if connection.vendor == "mysql":
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
        else:
            cursor.execute("BEGIN DEFERRED")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ROLLBACK")
