"""`packets/grab.py` is tested by `packets/tests/test_grab.py`: each verb has its namesake."""

import ast
from pathlib import Path

import pytest

from tests.test_house import ROOT

pytestmark = pytest.mark.once

APPS = ("packets", "payments", "wallets", "kit", "sandbox", "office")
# Where an app's tests are, but for its own folder: with the world of a desk.
HOMES = {"office": "tests/office"}
APART = {"tests", "migrations", "management"}
SAYS = ("Money:", "Races:", "Repeats:")  # what a verb's docstring says, and no other's


def is_a_verb(module: Path) -> bool:
    public = [
        node
        for node in ast.parse(module.read_text()).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    ]
    return any(word in (ast.get_docstring(node) or "") for node in public for word in SAYS)


def verbs_without_a_namesake(root: Path = ROOT) -> list[str]:
    """One in a folder may name that, too: test_channels_http.py."""
    missing = []
    for app in APPS:
        for module in sorted((root / app).rglob("*.py")):
            if APART & {*module.relative_to(root).parts} or not is_a_verb(module):
                continue
            names = (module.stem, f"{module.parent.name}_{module.stem}")
            home = root / HOMES.get(app, f"{app}/tests")
            if not any((home / f"test_{name}.py").exists() for name in names):
                missing.append(str(module.relative_to(root)))
    return missing


def test_each_verb_has_its_namesake():
    assert verbs_without_a_namesake() == []


def test_each_verb_has_its_namesake_notices_one_without(tmp_path):
    verb = 'def {}():\n    """Do it.\n\n    Money: none.\n    """\n'
    for app in APPS:
        (tmp_path / HOMES.get(app, f"{app}/tests")).mkdir(parents=True)
        (tmp_path / app).mkdir(exist_ok=True)
    for name in ("grab", "send", "_helper"):
        (tmp_path / "packets" / f"{name}.py").write_text(verb.format(name))
    (tmp_path / "packets" / "tests" / "test_grab.py").write_text("")
    (tmp_path / "office" / "erase.py").write_text(verb.format("erase"))
    (tmp_path / "office" / "hide.py").write_text(verb.format("hide"))
    (tmp_path / "tests" / "office" / "test_erase.py").write_text("")
    (tmp_path / "packets" / "states.py").write_text("def word():\n    pass\n")

    assert verbs_without_a_namesake(tmp_path) == ["packets/send.py", "office/hide.py"]
