"""A channel's raw words, made readable for staff; what could be misused is masked."""

import json
import re
from typing import Any
from urllib.parse import parse_qsl

from kit.plumbing import texts

BYTES_MAX = 64 * 1024
# Signatures, keys, certificates, what is encrypted, and who the payer is beside his user id.
_SECRET = re.compile(
    r"(sign|cert|key|token|secret|password|nonce|cipher|openid|buyer|payer|acc_?no|card|phone|mobile"
    r"|authorization|cookie|customerinfo)",
    re.IGNORECASE,
)
_HARMLESS = re.compile(
    r"^(sign_?type|sign_?method|signature-type|.*amount.*|.*total.*)$", re.IGNORECASE
)
_KEPT = 4
_FIELDS_MAX = 200  # shown; more is nobody's notification


def pretty(body: bytes) -> str:
    """JSON and forms one value a line, secrets masked; anything else only its length.

    >>> print(pretty(b"out_trade_no=PK1&total_amount=10.00&sign=abcdefghijkl"))
    out_trade_no = PK1
    total_amount = 10.00
    sign = abcd… (12)
    """
    text = bytes(body[:BYTES_MAX]).decode("utf-8", "replace")
    try:
        return texts.seen(json.dumps(masked(json.loads(text)), ensure_ascii=False, indent=2))
    except (ValueError, RecursionError):
        pass
    first = "&".join(text.split("&", _FIELDS_MAX)[:_FIELDS_MAX])
    pairs = parse_qsl(first, keep_blank_values=True) if "=" in first else []
    if pairs:
        return "\n".join(texts.seen(f"{name} = {_shown(name, value)}") for name, value in pairs)
    return f"({len(body)} bytes)"


def masked(value: Any, name: str = "") -> Any:
    """The same value with every secret in it masked, however deep."""
    if isinstance(value, dict):
        return {key: masked(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [masked(inner, name) for inner in value]
    return _shown(name, value) if isinstance(value, str) else value


def _shown(name: str, value: str) -> str:
    if _HARMLESS.match(name) or not _SECRET.search(name) or not value:
        return value
    return f"{value[:_KEPT] if len(value) > 2 * _KEPT else ''}… ({len(value)})"
