"""Which rules an audit module can name, read from its source: for the tests that break each one."""

import ast
from pathlib import Path
from types import ModuleType


def names_in(module: ModuleType) -> set[str]:
    """First words of `yield "rule", ...` and `Finding("rule", ...)`."""
    tree = ast.parse(Path(module.__file__).read_text())
    found = set()
    for node in ast.walk(tree):
        first = None
        if isinstance(node, ast.Yield) and isinstance(node.value, ast.Tuple):
            first = node.value.elts[0]
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Finding":
            first = node.args[0]
        if isinstance(first, ast.Constant):
            found.add(first.value)
    return found
