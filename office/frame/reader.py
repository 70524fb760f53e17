"""Who reads the page that is being made, so that its links lead only where he may go."""

from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import Any

from kit.plumbing.during import during

_reader: ContextVar[Any] = ContextVar("reader", default=None)


def reading(user: Any) -> AbstractContextManager[None]:
    return during(_reader, user)


def may(permission: str) -> bool:
    """Whether the reader has it; nobody reads a file, which holds no links either."""
    user = _reader.get()
    return user is not None and user.has_perm(permission)


def may_open(model: Any) -> bool:
    meta = model._meta
    return may(f"{meta.app_label}.view_{meta.model_name}")
