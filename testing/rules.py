"""What tests of all kinds look at: the rules that an audit module can name, keys without an end."""

import ast
from pathlib import Path
from types import ModuleType

from kit.plumbing import redis

NAMING = ("Finding", "unsealed")  # what takes a rule's name first


def names_in(module: ModuleType) -> set[str]:
    """First words of `yield "rule", ...` and `Finding("rule", ...)`."""
    tree = ast.parse(Path(module.__file__).read_text())
    found = set()
    for node in ast.walk(tree):
        first = None
        if isinstance(node, ast.Yield) and isinstance(node.value, ast.Tuple):
            first = node.value.elts[0]
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in NAMING:
            first = node.args[0]
        if isinstance(first, ast.Constant):
            found.add(first.value)
    return found


def kept_for_ever() -> list[str]:
    """Keys in Redis without an end: whoever makes one says when it goes."""
    if not redis.is_configured():
        return []
    try:
        return redis.call(
            lambda r: [key.decode() for key in r.scan_iter("*", 1000) if r.ttl(key) == -1]
        )
    except redis.Down:  # the test was about that
        return []
