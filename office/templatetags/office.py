"""What the pages' templates ask for."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from django import template
from django.utils.html import conditional_escape
from django.utils.safestring import mark_safe

from office.shown import names

register = template.Library()
register.filter("one", names.one)
register.filter("many", names.many)

_KINDS = (('<span class="yuan"', "money"), ('<span class="badge', "state"), ("<time ", "when"))


@register.filter
def labelled(cells: Iterable[str], headers: list[dict[str, Any]]) -> Iterator[str]:
    """A row's cells, each with its column's name and kind: on a telephone a row is a card."""
    for cell, header in zip(cells, headers, strict=True):
        kind = next((kind for begin, kind in _KINDS if begin in cell), "")
        label = conditional_escape(str(header["text"]).strip())
        yield mark_safe(  # noqa: S308 - the cell is Django's own markup, the label is escaped
            f'{cell[:3]} data-label="{label}" data-kind="{kind}"{cell[3:]}'
            if "action-checkbox" not in cell[:40]
            else cell
        )


@register.filter
def thousands(value: Any) -> Any:
    """An amount or a number with its thousands apart."""
    if isinstance(value, Decimal):
        return f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else value
