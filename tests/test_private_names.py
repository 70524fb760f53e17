"""What tests take hold of is public: guards that twins take away, doors, pauses (kit/pause.py)."""

import ast
from pathlib import Path

import pytest

from tests.test_house import PACKAGES, ROOT

pytestmark = pytest.mark.once

OURS = ("tests", "testing", "bench")
FOLDERS = (*PACKAGES, *OURS)
# Attributes of other people's objects, for which they have no public name.
OTHERS = {
    "_commit": "the moment of a commit, of Django's connection",
    "_meta": "of Django's models",
    "_fetch_all": "how many rows a rule reads at once, of Django's querysets",
    "_unique": "of a model's field, to take an index away for a while",
    "_gateway": "where python-alipay-sdk talks to",
    "_gate_way": "where wechatpayv3 talks to",
    "_cert_serial_no": "of wechatpayv3",
    "_certificates": "of wechatpayv3",
}


def private_names_patched(files: list[Path]) -> list[str]:
    """Where a test puts something of its own in the place of a private name of somebody else's."""
    found = []
    for path in files:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and _is_patching(node.func):
                names = [arg.value for arg in node.args[:2] if isinstance(arg, ast.Constant)]
                names = [str(name).rpartition(".")[2] for name in names]
                names += [arg.attr for arg in node.args[:1] if isinstance(arg, ast.Attribute)]
            elif isinstance(node, ast.Assign | ast.AugAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                flat = [one for all_ in targets for one in getattr(all_, "elts", [all_])]
                names = [
                    one.attr for one in flat if isinstance(one, ast.Attribute) and not _is_own(one)
                ]
            else:
                continue
            found += [
                (f"{path.relative_to(ROOT)}", node.lineno, name)
                for name in names
                if name.startswith("_") and not name.startswith("__") and name not in OTHERS
            ]
    return [f"{file}:{line} {name}" for file, line, name in sorted(found)]


def _is_patching(function: ast.expr) -> bool:
    """monkeypatch.setattr and its kin, mock.patch, mock.patch.object."""
    if not isinstance(function, ast.Attribute):
        return False
    within = getattr(function.value, "attr", "")
    return function.attr in {"setattr", "setitem", "patch"} or within == "patch"


def _is_own(target: ast.Attribute) -> bool:
    return isinstance(target.value, ast.Name) and target.value.id in {"self", "cls"}


def test_no_test_patches_a_private_name():
    """A guard that a twin takes away has a public name; who steps in does it at a pause."""
    every = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    tests = [path for path in every if {*OURS} & {*path.relative_to(ROOT).parts}]
    assert len(tests) > 200

    assert private_names_patched([ROOT / "conftest.py", *sorted(tests)]) == []


def test_no_test_patches_a_private_name_notices_one(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    (tmp_path / "test_it.py").write_text(
        "monkeypatch.setattr(grab, '_win', None)\n"
        "mock.patch('packets.grab._win')\n"
        "mock.patch.object(grab, '_win')\n"
        "monkeypatch.setitem(purposes._owners, 'packet', None)\n"
        "a.b, seats._lock = 1, 2\n"
        "self._own = wrapper._commit = 3\n"
        "monkeypatch.setattr(grab, 'win', None)\n"
    )

    found = private_names_patched([tmp_path / "test_it.py"])

    assert [line.partition(":")[2] for line in found] == [
        "1 _win", "2 _win", "3 _win", "4 _owners", "5 _lock",
    ]  # fmt: skip
