"""present(): what its type allows to be missing, and a rule that the types cannot say forbids."""

from typing import TypeVar

T = TypeVar("T")


def present(value: T | None) -> T:
    """The value itself: an issued packet has a deadline, a row of these conditions has a lease.

    Where a missing one means something, ask for it with `is None` instead.
    """
    if value is None:
        raise ValueError("a value that is always there is missing")
    return value
