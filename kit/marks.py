"""What stands between words, as the reader's language writes it: Chinese has wide marks of its own
and no space behind them."""

from collections.abc import Iterable
from typing import Any

from django.utils.translation import pgettext_lazy

_NAMES = pgettext_lazy("between names", ", ")
_MARKS = {
    ", ": pgettext_lazy("mark", ", "),
    "; ": pgettext_lazy("mark", "; "),
    ": ": pgettext_lazy("mark", ": "),
}


def mark(plain: str) -> str:
    return str(_MARKS[plain])


def labelled(name: Any, value: Any) -> str:
    return f"{name}{mark(': ')}{value}"


def listed(parts: Iterable[Any], by: str = ", ") -> str:
    """Facts of one thing; `named` are several of a kind."""
    return mark(by).join(map(str, parts))


def named(names: Iterable[Any]) -> str:
    return str(_NAMES).join(map(str, names))


def sentences(parts: Iterable[Any]) -> str:
    """
    >>> sentences(["One. ", "Two."]), sentences(["其一。", "其二。"])
    ('One. Two.', '其一。其二。')
    """
    return " ".join(str(part).strip() for part in parts).replace("。 ", "。")
