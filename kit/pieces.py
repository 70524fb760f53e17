"""Many things, some at a time."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def pieces(items: Iterable[T], most: int) -> Iterator[list[T]]:
    rest = iter(items)
    while piece := list(islice(rest, most)):
        yield piece
