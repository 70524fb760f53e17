"""Who may know whom, the types, what is never written, and what docs/states.md says."""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import BooksAreWrong
from office.states import CHANGE_MOVES
from packets.states import MOVES, Kind, PacketState, PayStatus
from payments.states import BILL_MOVES, CASE_MOVES, ORDER_MOVES, REFUND_MOVES, BillState
from wallets.states import ADJUSTMENT_MOVES

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parent.parent
APPS = ("packets", "payments", "wallets")
PACKAGES = (*APPS, "kit", "h5", "office", "sandbox", "redpacket_site")


def sources(*folders: str) -> list[Path]:
    files = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    apart = {"tests", "migrations"}
    kept = [path for path in files if not apart & set(path.relative_to(ROOT).parts)]
    assert kept
    return kept


# For each contract of pyproject.toml an import that breaks it, and how the linter names that.
WRONG_IMPORTS = {
    "Arrows point down": (
        "wallets/credit.py",
        "from packets import draw",
        "wallets.credit -> packets.draw",
    ),
    "The kit's own arrows": (
        "kit/plumbing/forks.py",
        "from kit import money",
        "kit.plumbing.forks -> kit.money",
    ),
    "The kit's core knows no HTTP": (
        "kit/money.py",
        "from kit.http import pages",
        "kit.money -> kit.http.pages",
    ),
    "The product knows no tests": (
        "packets/draw.py",
        "from testing import make",
        "packets.draw -> testing",
    ),
    "No verb knows its doors": (
        "packets/send.py",
        "def f():\n    from packets.api import views",
        "packets.send -> packets.api.views",
    ),
    "Models know states alone": (
        "wallets/models.py",
        "from wallets import accounts",
        "wallets.models -> wallets.accounts",
    ),
    "Nothing goes round in circles": (
        "packets/tickets/desk.py",
        "from packets import grab",
        ".tickets -> .grab",
    ),
}


def lint_imports(root: Path) -> str:
    linter = Path(sys.executable).with_name("lint-imports")
    command = [linter, "--no-cache", "--no-logo"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True).stdout


def test_each_contract_of_imports_is_broken_by_one_wrong_import(tmp_path):
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    assert f"{len(WRONG_IMPORTS)} kept, 0 broken" in lint_imports(tmp_path)

    for file, wrong, _ in WRONG_IMPORTS.values():
        with (tmp_path / file).open("a") as module:
            module.write(f"\n\n{wrong}\n")
    counts, *told = re.split(
        r"\n(?=[^\n]+\n-{9,}\n)", lint_imports(tmp_path).split("Contracts:")[1]
    )

    assert f"0 kept, {len(WRONG_IMPORTS)} broken" in counts
    for contract, (_, _, named) in WRONG_IMPORTS.items():
        assert [about for about in told if about.startswith(contract) and named in about], contract


WRONG_TYPES = """\
from datetime import datetime

from packets import freeze, profiles


def wrong(now: datetime) -> str:
    freeze.freeze(public_id=1, reason="told", now=now)
    profiles.put(user_id="u1", nickname="", avatar="", also=None)
    return freeze.freeze(public_id="rp", reason="told", now=now)
"""
TOLD = (
    'Argument "public_id" to "freeze" has incompatible type "int"; expected "str"',
    'Unexpected keyword argument "also" for "put"',
    'Incompatible return value type (got "bool", expected "str")',
)


def test_a_verb_has_its_types_whoever_calls_it(tmp_path):
    """Through retry.unit, too; `make lint` has just filled the cache that this goes by."""
    module = tmp_path / "wrong.py"
    module.write_text(WRONG_TYPES)

    command = [sys.executable, "-m", "mypy", "--no-pretty", module]
    environment = {**os.environ, "MYPYPATH": str(ROOT)}
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)

    for line, says in zip((7, 8, 9), TOLD, strict=True):
        assert f"wrong.py:{line}: error: {says}" in run.stdout, run.stdout
    assert f"Found {len(TOLD)} errors" in run.stdout


def lines_with(pattern: str, files: list[Path]) -> list[str]:
    """Lines of code that match; docstrings and comments may speak of it."""
    found = []
    for path in files:
        tree = ast.parse(path.read_text())
        spoken = {
            line
            for node in ast.walk(tree)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            for line in range(node.lineno, node.end_lineno + 1)
        }
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            code = line.partition("  # ")[0]
            if (
                number not in spoken
                and not code.lstrip().startswith("#")
                and re.search(pattern, code, re.IGNORECASE)
            ):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")
    return found


def test_nobody_waits_for_a_row_by_select_for_update():
    wrong = lines_with(r"select_for_update|FOR\s+UPDATE", sources(*PACKAGES))

    assert wrong == [], "\n".join(wrong)


def test_nobody_reads_a_registry_that_is_djangos_own():
    wrong = lines_with(r"\._registry\b", sources(*PACKAGES))

    assert wrong == [], "\n".join(wrong)


def test_money_is_never_a_float():
    files = [path for path in sources(*APPS) if "sandbox" not in path.parts]  # its lags are floats
    wrong = lines_with(r"\bfloat\s*\(|FloatField", files)

    assert wrong == [], "\n".join(wrong)


def test_money_moves_through_the_till_alone():
    """Balances and lines are written by wallets/ledger.py; freezing and opening touch no money."""
    wrong = [
        line
        for line in lines_with(
            r"balance\s*=\s*F\(|LedgerLine\(|update\(.*balance|sql\.insert\(LedgerLine",
            sources(*APPS),
        )
        if not line.startswith("wallets/ledger.py:") and "class LedgerLine(" not in line
    ]

    assert wrong == [], "\n".join(wrong)


def test_states_change_through_move_alone():
    """No UPDATE and no save sets a state past the MOVES of its model (kit/moves.py)."""
    columns = {"status", "pay_status", "state"}
    wrong = []
    for path in sources(*APPS):
        if "sandbox" in path.parts:  # the other side of the street
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "update":
                set_here = {word.arg for word in node.keywords}
            elif isinstance(node, ast.Assign):
                set_here = {getattr(target, "attr", "") for target in node.targets}
            else:
                continue
            if set_here & columns:
                wrong.append(f"{path.relative_to(ROOT)}:{node.lineno}: {set_here & columns}")

    assert wrong == [], "\n".join(wrong)


def test_states_change_through_move_alone_notices_a_wrong_one(tmp_path, monkeypatch):
    monkeypatch.setattr("tests.test_house.ROOT", tmp_path)
    for app in APPS:
        (tmp_path / app).mkdir()
        (tmp_path / app / "fine.py").write_text("rows.update(user_id='u1')\n")
    (tmp_path / "wallets" / "bad.py").write_text("rows.update(status=3)\n")
    (tmp_path / "packets" / "bad.py").write_text("packet.pay_status = 1\n")

    with pytest.raises(AssertionError, match=r"(?s)packets/bad\.py:1.*wallets/bad\.py:1"):
        test_states_change_through_move_alone()


# --- who may know the tests


def known_tests(files: list[Path]) -> list[str]:
    """Imports of tests/ or of a room's own tests."""
    found = []
    for path in files:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                continue
            found += [f"{path.name}: {name}" for name in names if "tests" in name.split(".")]
    return found


def test_what_benches_ops_and_tests_share_is_in_testing():
    assert known_tests(sources("bench", "ops", "testing")) == []


def test_what_benches_ops_and_tests_share_notices_a_wrong_one(tmp_path):
    wrong = tmp_path / "wrong.py"
    wrong.write_text("import tests.settings\nfrom payments.tests import conftest\nimport testing\n")

    assert known_tests([wrong]) == ["wrong.py: tests.settings", "wrong.py: payments.tests"]


# --- docs/states.md


def tables(heading: str) -> list[tuple[str, ...]]:
    """The cells of the table under a heading, without its two head lines."""
    text = (ROOT / "docs" / "states.md").read_text()
    section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip().strip("|") for line in section.splitlines() if line.startswith("|")]
    return [tuple(cell.strip().strip("`") for cell in row.split("|")) for row in rows[2:]]


def test_moves_in_the_document_are_those_of_the_code():
    tabled = {
        "Payment of a packet": MOVES,
        "Order at a channel": ORDER_MOVES,
        "Channel refund": REFUND_MOVES,
        "Adjustment": ADJUSTMENT_MOVES,
        "Case": CASE_MOVES,
        "Change of an account": CHANGE_MOVES,
        "Moves of a day's bill": BILL_MOVES,
    }
    for heading, moves in tabled.items():
        written = {(from_, to) for from_, to, *_ in tables(heading)}
        listed = {
            (from_.name.lower(), to.name.lower())
            for from_, targets in moves.items()
            for to in targets
        }

        assert written == listed


def test_words_in_the_document_are_those_of_the_code():
    assert [word for word, *_ in tables("State of a packet")] == [
        state.value for state in PacketState
    ]
    assert {(str(int(status)), status.word) for status in PayStatus} == {
        row[:2] for row in tables("Stored payment status")
    }
    assert {(str(int(kind)), kind.word) for kind in Kind} == {row[:2] for row in tables("Kinds")}
    assert {(str(int(state)), state.word) for state in BillState} == {
        row[:2] for row in tables("A day's bill")
    }


def test_paid_is_never_left():
    assert MOVES[PayStatus.PAID] == set()
    assert set(MOVES) == set(PayStatus)


# --- Sizes


def long_files_without_a_reason() -> list[str]:
    """Files of more than 300 lines say at their top why; a shorter one has nothing to say."""
    wrong = []
    for path in sources(*PACKAGES):
        lines = path.read_text().splitlines()
        says = any(line.startswith("# Long: ") for line in lines[:25])
        if (len(lines) > 300) is not says:
            wrong.append(f"{path.relative_to(ROOT)}: {len(lines)} lines")
    return wrong


def test_a_long_file_says_why():
    assert long_files_without_a_reason() == []


def test_a_long_file_says_why_notices_one(tmp_path, monkeypatch):
    (tmp_path / "long.py").write_text("x = 1\n" * 301)
    (tmp_path / "short.py").write_text("# Long: no longer.\n")
    monkeypatch.setitem(globals(), "sources", lambda *_: sorted(tmp_path.glob("*.py")))
    monkeypatch.setitem(globals(), "ROOT", tmp_path)

    assert long_files_without_a_reason() == ["long.py: 301 lines", "short.py: 1 lines"]


FILES_MAX = 15
NO_ROOMS = {"tests", "migrations", "management", "static", "templates", "__pycache__"}


def crowded_folders() -> list[str]:
    """Folders of the product with more than fifteen files and no folders of their own."""
    found = []
    for package in PACKAGES:
        for folder in [ROOT / package, *(p for p in (ROOT / package).rglob("*") if p.is_dir())]:
            if NO_ROOMS & set(folder.relative_to(ROOT).parts):
                continue
            inside = list(folder.iterdir())
            files = [p for p in inside if p.is_file() and p.name != "__init__.py"]
            rooms = [p for p in inside if p.is_dir() and p.name not in NO_ROOMS]
            if len(files) > FILES_MAX and not rooms:
                found.append(f"{folder.relative_to(ROOT)}: {len(files)} files")
    return found


def test_a_crowded_folder_has_folders_of_its_own():
    assert crowded_folders() == []


def test_a_crowded_folder_has_folders_of_its_own_notices_one(tmp_path, monkeypatch):
    for package in PACKAGES:
        (tmp_path / package / "tests").mkdir(parents=True)
    for number in range(FILES_MAX + 1):
        for full in ("kit", "packets/api", "office/tests"):
            (tmp_path / full).mkdir(exist_ok=True)
            (tmp_path / full / f"{number}.py").touch()
    monkeypatch.setitem(globals(), "ROOT", tmp_path)

    assert crowded_folders() == ["packets/api: 16 files", "kit: 16 files"]

    (tmp_path / "kit" / "http").mkdir()
    assert crowded_folders() == ["packets/api: 16 files"]


SITE_LINES_MAX = 900


def test_the_site_is_wiring_and_nothing_else():
    """What grows there wants a room: `redpacket_site` knows everybody, so nobody could use it."""
    lines = sum(len(path.read_text().splitlines()) for path in sources("redpacket_site"))

    assert lines < SITE_LINES_MAX


# --- What is tried twice


def test_only_a_browsers_test_is_tried_twice(request):
    """docs/decisions/0054: none that moves money, and none for what the audit says after it."""
    tried = {item.nodeid: item.get_closest_marker("flaky") for item in request.session.items}
    files = {name.partition("::")[0] for name, mark in tried.items() if mark}

    assert {file.rpartition("/")[0] for file in files} <= {"tests/h5", "tests/office"}
    for mark in filter(None, tried.values()):
        assert mark.kwargs == {"reruns": 1, "rerun_except": [BooksAreWrong]}
