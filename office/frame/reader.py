"""Who reads the page that is being made, so that its links lead only where he may go."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_reader: ContextVar[Any] = ContextVar("reader", default=None)


@contextmanager
def reading(user: Any) -> Iterator[None]:
    token = _reader.set(user)
    try:
        yield
    finally:
        _reader.reset(token)


def may(permission: str) -> bool:
    """Whether the reader has it; nobody reads a file, which holds no links either."""
    user = _reader.get()
    return user is not None and user.has_perm(permission)


def may_open(model: Any) -> bool:
    meta = model._meta
    return may(f"{meta.app_label}.view_{meta.model_name}")
