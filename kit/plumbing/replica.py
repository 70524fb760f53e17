"""Which database a read goes to: the primary, or the replica inside `reading()`.

Only what is history or money to look at is read there. Who somebody is and what he may do is asked
of the primary, and so is whatever a verb reads (kit/retry.py): nothing is decided by rows that may
be some seconds old.
"""

from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import Any

from django.db import DEFAULT_DB_ALIAS

from kit.plumbing.during import during

ALIAS = "replica"
APPS = ("kit", "packets", "payments", "wallets")

_reads: ContextVar[str] = ContextVar("reads", default=DEFAULT_DB_ALIAS)


def alias() -> str:
    """Where reads go just now."""
    return _reads.get()


def reading(name: str) -> AbstractContextManager[None]:
    return during(_reads, name)


class Router:
    """Named in the settings where there is a replica. An answer for everything: without one Django
    would write a row to where it was read."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return alias() if model._meta.app_label in APPS else DEFAULT_DB_ALIAS

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return DEFAULT_DB_ALIAS

    def allow_relation(self, one: Any, other: Any, **hints: Any) -> bool:
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == DEFAULT_DB_ALIAS
