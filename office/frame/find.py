"""One box finds anything: every app introduces what it can find, each by an index."""

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

MOST = 128  # characters; longer than any id or number that we know
SHOWN = 20  # hits of one kind

_LABEL = re.compile(r"^[:#.\-]+")


@dataclass(frozen=True, slots=True)
class Hit:
    url: str
    title: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Finder:
    """`find(word)` answers with rows of one kind; asked only for staff who may view them.

    An `echo` is a row that merely repeats a number of something else (a ledger line, a
    notification); it counts only when nothing itself bears the number.
    """

    label: Any
    permission: str
    find: Callable[[str], Iterable[Hit]]
    is_echo: bool = False


finders: list[Finder] = []


def finder(label: Any, permission: str, *, is_echo: bool = False) -> Callable:
    def register(find: Callable[[str], Iterable[Hit]]) -> Callable:
        finders.append(Finder(label, permission, find, is_echo))
        return find

    return register


def may_find(may: Callable[[str], bool]) -> bool:
    """Whether there is anything that somebody may find."""
    return any(may(finder.permission) for finder in finders)


def words(text: str) -> list[str]:
    """What somebody can have meant by what he typed, scanned or pasted; the likeliest first.

    >>> words(" ｒｐ_ab\\u200b12\\n")
    ['rp_ab12']
    >>> words("订单号：PK12")
    ['PK12', 'pk12']
    """
    folded = unicodedata.normalize("NFKC", text[: 8 * MOST])
    shown = "".join(c for c in folded if unicodedata.category(c)[0] not in "ZC")
    plain = shown if shown.isascii() else "".join(c for c in shown if c.isascii())
    exact = (_LABEL.sub("", plain) if plain != shown else plain.removeprefix("#"))[:MOST]
    return list(dict.fromkeys(word for word in (exact, exact.lower()) if word))


def find(text: str, may: Callable[[str], bool]) -> list[tuple[Finder, list[Hit]]]:
    """What bears this id or number, grouped by kind; `may(permission)` says who asks."""
    for word in words(text):
        for echoes in (False, True):
            groups = [
                (finder, hits)
                for finder in finders
                if finder.is_echo == echoes and may(finder.permission)
                if (hits := list(finder.find(word)))
            ]
            if groups:
                return groups
    return []
