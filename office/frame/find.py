"""One box finds anything: every app introduces what it can find, each by an index."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from office.frame.typed import MOST, Typed, words

__all__ = ["MOST", "SHOWN", "Finder", "Found", "Hit", "Typed", "find", "finder", "words"]

SHOWN = 20  # hits of one kind


@dataclass(frozen=True, slots=True)
class Hit:
    url: str
    title: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Finder:
    """`find(word)` answers with rows of one kind; asked only for staff who may view them.

    An `echo` is a row that merely repeats a number of something else (a ledger line, a
    notification); it counts only when nothing itself bears the number. A finder by `name` is asked
    with all that was typed (Typed), and so is a `guess`, the last of all: what may be meant by a
    part of a name or a number, an amount and a day.
    """

    label: Any
    permission: str
    find: Callable[[Any], Iterable[Hit]]
    by: str = "number"  # number | name | echo | guess


@dataclass
class Found:
    groups: list[tuple[Finder, list[Hit]]] = field(default_factory=list)
    tried: list[Finder] = field(default_factory=list)
    is_guess: bool = False

    @property
    def only(self) -> Hit | None:
        """The one thing that bears it; what is merely guessed is looked at first."""
        hits = {hit.url: hit for _, found in self.groups for hit in found}
        return next(iter(hits.values())) if len(hits) == 1 and not self.is_guess else None


finders: list[Finder] = []


def finder(label: Any, permission: str, by: str = "number") -> Callable:
    def register(find: Callable[[Any], Iterable[Hit]]) -> Callable:
        finders.append(Finder(label, permission, find, by))
        return find

    return register


def may_find(may: Callable[[str], bool]) -> bool:
    """Whether there is anything that somebody may find."""
    return any(may(finder.permission) for finder in finders)


def find(text: str, may: Callable[[str], bool]) -> Found:
    """What bears this id or number, else what may be meant, grouped by kind; `may(permission)` says
    who asks."""
    mine = [finder for finder in finders if may(finder.permission)]
    typed = Typed.of(text)
    if typed is None:
        return Found(tried=mine)
    named = _ask(mine, "name", typed)
    for word in words(text):
        if groups := _ask(mine, "number", word) + named or _ask(mine, "echo", word):
            return Found(groups, mine)
    if named:
        return Found(named, mine)
    return Found(_ask(mine, "guess", typed), mine, is_guess=True)


def _ask(mine: list[Finder], by: str, what: Any) -> list[tuple[Finder, list[Hit]]]:
    groups = ((one, list(dict.fromkeys(one.find(what)))) for one in mine if one.by == by)
    return [(one, hits) for one, hits in groups if hits]
