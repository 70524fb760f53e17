"""Tests hold on a busy machine: whoever waits for something waits long, and nobody reaches those
that run beside him, on the same servers."""

import ast
import re
from pathlib import Path

import pytest

from tests.test_house import PACKAGES, ROOT

pytestmark = pytest.mark.once

LONG_S = 20
WAITS = {"wait", "join", "result", "acquire", "flush"}
# Shorter, and yet nothing fails when the machine is late.
EXCUSED = {
    ("tests/races/test_crowd.py", "from_url"): "a Redis that is late is one that is away",
}
# What is everybody's: the whole server, and names that all processes of the machine share.
EVERYBODYS = re.compile(
    r"SET GLOBAL|SHUTDOWN|FLUSHALL|CLIENT PAUSE|flushall\(|client_pause\(|config_set\(|[\"'f]/tmp/"
)
APART = {
    "tests/test_waits.py": "names them",
    "tests/faults/kinds.py": "has servers of its own",
    "tests/faults/__main__.py": "has servers of its own",
    "tests/production/test_production.py": "has servers of its own, and is refused",
    "tests/races/pair.py": "has servers of its own",
    "tests/races/test_failover.py": "has servers of its own",
    "tests/attacks/test_least.py": "is refused",
}


def short_waits(path: Path) -> list[tuple[int, str, float]]:
    """Waits that end the test when they are over: not those whose answer is a condition."""
    tree = ast.parse(path.read_text())
    asked = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.While | ast.If | ast.IfExp)
        for inner in ast.walk(node.test)
    }
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or id(node) in asked:
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        limits = [word.value for word in node.keywords if (word.arg or "").endswith("timeout")]
        limits += node.args[:1] if name in WAITS else []
        found += [
            (node.lineno, name, limit.value)
            for limit in limits
            if isinstance(limit, ast.Constant)
            and isinstance(limit.value, int | float)
            and 0.25 < limit.value < LONG_S
        ]
    return found


def of_tests() -> list[Path]:
    files = [
        ROOT / "conftest.py",
        *(ROOT / "testing").rglob("*.py"),
        *(ROOT / "tests").rglob("*.py"),
    ]
    return files + [path for app in PACKAGES for path in (ROOT / app / "tests").rglob("*.py")]


def test_who_waits_waits_long():
    found = [
        f"{path.relative_to(ROOT)}:{line} {name}({limit})"
        for path in of_tests()
        for line, name, limit in short_waits(path)
        if (str(path.relative_to(ROOT)), name) not in EXCUSED
    ]

    assert found == [], f"less than {LONG_S} seconds, and the machine may be busy"


def test_who_waits_waits_long_notices_a_short_one(tmp_path):
    wrong = tmp_path / "test_it.py"
    wrong.write_text(
        "thread.join(5)\n"
        "assert gone.wait(timeout=3)\n"
        "requests.get(url, timeout=10)\n"
        "while not over.wait(1):\n    pass\n"
        "', '.join(names)\n"
        "thread.join(60)\n"
    )

    assert short_waits(wrong) == [(1, "join", 5), (2, "wait", 3), (3, "get", 10)]


def reaches_everybody(text: str) -> list[str]:
    return EVERYBODYS.findall(text)


def test_nobody_reaches_those_beside_him():
    found = {
        str(path.relative_to(ROOT)): words
        for path in of_tests()
        if (words := reaches_everybody(path.read_text()))
    }

    assert set(found) == set(APART), found


@pytest.mark.parametrize(
    "line", ["r.client_pause(100)", "cursor.execute('SET GLOBAL read_only = 1')", "Path('/tmp/x')"]
)
def test_nobody_reaches_those_beside_him_notices_who_does(line):
    assert reaches_everybody(line)
