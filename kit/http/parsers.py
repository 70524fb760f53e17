"""Strict JSON: what another parser might read differently, or choke on, is a 400 here."""

import json
from typing import Any, NoReturn

from rest_framework.parsers import BaseParser

from kit.http.problems import Malformed, TooLarge

DEPTH_MAX = 20
DIGITS_MAX = 30


class StrictJSONParser(BaseParser):
    media_type = "application/json"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        limit = parser_context["view"].body_max_bytes
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise TooLarge()
        return loads(body)


def loads(body: bytes) -> Any:
    """JSON in UTF-8; no NaN, repeated name, NUL, lone surrogate, endless number, deep nesting."""
    try:
        data = json.loads(
            body.decode("utf-8"),
            parse_int=_integer,
            parse_constant=_refuse,
            object_pairs_hook=_unique,
        )
        _check(data, DEPTH_MAX)
    except (ValueError, RecursionError) as error:
        raise Malformed() from error
    return data


def _integer(digits: str) -> int:
    if len(digits) > DIGITS_MAX:
        raise ValueError("number too long")
    return int(digits)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _check(data: Any, depth: int) -> None:
    if depth < 0:
        raise ValueError("nested too deeply")
    match data:
        case str():
            data.encode("utf-8")  # a lone surrogate raises UnicodeEncodeError, a ValueError
            if "\0" in data:
                raise ValueError("NUL in a text")
        case dict():
            for name, value in data.items():
                _check(name, depth)
                _check(value, depth - 1)
        case list():
            for value in data:
                _check(value, depth - 1)
