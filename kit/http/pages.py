"""Cursor pagination: `{"results": [...], "next": cursor | null}`, newest first (api.md)."""

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from typing import Any

from rest_framework.request import Request

from kit.http.problems import Malformed
from kit.refusals import Invalid

LIMIT_DEFAULT, LIMIT_MAX = 20, 100
CURSOR_PATTERN = r"^[A-Za-z0-9_-]{1,64}$"
_CURSOR = re.compile(CURSOR_PATTERN)
_PART = re.compile(r"[0-9]{1,16}")  # microseconds up to the year 2286, or a key


def limit_of(request: Request) -> int:
    return whole(request, "limit", LIMIT_DEFAULT, LIMIT_MAX, least=1)


def whole(request: Request, name: str, default: int, most: int, least: int = 0) -> int:
    """A whole number of the query; Invalid names it and its bounds."""
    given = request.query_params.get(name, str(default))
    is_whole = given.isascii() and given.isdigit() and len(given) <= len(str(most))
    if not (is_whole and least <= int(given) <= most):
        raise Invalid(errors={name: [f"{least}..{most}"]})
    return int(given)


def cursor_of(request: Request, parts: int) -> tuple[int, ...] | None:
    """Where the page starts, as the integers that `cursor()` was given; Malformed for a bad one."""
    given = request.query_params.get("cursor")
    if given is None:
        return None
    if not _CURSOR.fullmatch(given):
        raise Malformed()
    try:
        text = base64.urlsafe_b64decode(given + "=" * (-len(given) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        raise Malformed() from None
    position = text.split(":")
    if len(position) != parts or not all(map(_PART.fullmatch, position)):
        raise Malformed()
    return tuple(map(int, position))


def cursor(*position: int) -> str:
    text = ":".join(str(part) for part in position)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def page(
    rows: Sequence[Any], limit: int, *, position: Callable[[Any], tuple], render: Callable
) -> dict:
    """One page of rows fetched with one more than the limit."""
    shown = rows[:limit]
    more = len(rows) > limit
    return {
        "results": [render(row) for row in shown],
        "next": cursor(*position(shown[-1])) if more else None,
    }
