"""The documents name files, functions and numbers that exist, and what they show can be run."""

import ast
import re
import secrets
import subprocess
import sys
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest
from django.conf import settings

from packets import draw
from redpacket_site.celery import SCHEDULE
from testing import rules
from wallets import audit

pytestmark = pytest.mark.once
ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted(ROOT.glob("docs/**/*.md")),
    *ROOT.glob("deploy/*.md"),
]
FOLDERS = ("", "redpacket_site", "packets", "docs", "deploy")  # where a short name is looked for
FILE = re.compile(r"`((?:[\w*.-]+/)*[\w*-]+\.(?:py|md|lua|sh|conf|service|cnf|yaml))(?:: ?(\w+))?")


def found(name: str) -> list[Path]:
    return [path for folder in FOLDERS for path in (ROOT / folder).glob(name)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_named_files_and_functions_exist(document):
    named = set(FILE.findall(document.read_text()))

    missing = [
        f"{name}: {function}"
        for name, function in sorted(named)
        if not any(
            re.search(rf"\b{function}\b", path.read_text()) if function else True
            for path in found(name)
        )
    ]

    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document):
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text())

    assert [link for link in links if not (document.parent / link).exists()] == []


def test_decisions_are_numbered_once_each():
    decisions = sorted((ROOT / "docs" / "decisions").glob("*.md"))

    for number, path in enumerate(decisions, start=1):
        assert path.name.startswith(f"{number:04d}-")
        assert path.read_text().startswith(f"# {number:04d}. ")


def test_the_map_lists_every_sweep_with_its_interval():
    rows = re.findall(r"^\| `(\w+\.\w+)` \| (\d+) s \|", (ROOT / "docs/map.md").read_text(), re.M)

    assert {name: int(every_s) for name, every_s in rows} == SCHEDULE


def imported(path: str) -> set[str]:
    """The modules that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.ImportFrom):
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def test_the_map_leads_from_the_url_to_the_commit():
    section = (ROOT / "docs/map.md").read_text().split("## From the URL to the commit")[1]
    rows = re.findall(r"^\| ([\w: ]+) \| (`.+) \|$", section.split("\n## ")[0], re.M)
    paths = {name: re.findall(r"`([\w/]+\.py)`", files) for name, files in rows}

    for name, files in paths.items():
        for one, other in pairwise(files):
            modules = [file.removesuffix(".py").replace("/", ".") for file in (one, other)]
            is_there = modules[1] in imported(one) or modules[0] in imported(other)
            assert is_there, f"{name}: {one} and {other} know nothing of each other"
    assert len(paths) == 6
    assert len(paths["grab"]) <= 3
    assert len(paths["payment at a channel"]) <= 6


def test_every_rule_of_the_audit_is_in_the_document():
    """By the name that a finding bears, or that of its function where it hands the finding on."""
    registered = audit.rules()
    modules = {sys.modules[rule.__module__] for rule in registered}
    named = set().union(*(rules.names_in(module) for module in modules))
    section = (ROOT / "docs/money.md").read_text().split("## The rules")[1]
    cells = re.findall(r"^\| (`.+?) \| ", section, re.M)
    listed = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}

    assert named - listed == set()
    assert listed - named <= {rule.__name__ for rule in registered}


def guards() -> list[list[str]]:
    """The rows of security.md's tables, cell by cell."""
    rows = [line for line in (ROOT / "docs/security.md").read_text().splitlines() if "|" in line]
    cells = [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]
    return [row for row in cells if row[-1] not in ("tests", "---")]


@pytest.mark.parametrize("row", guards(), ids=lambda row: row[0])
def test_each_guard_names_tests_that_are_there(row):
    named = re.findall(r"`([\w/]+\.py): (\w+)`", row[-1])

    assert named
    for path, test in named:
        assert re.search(rf"^def {test}\(", (ROOT / path).read_text(), re.M), (path, test)


def test_the_guards_are_told_of_every_item():
    items = [row[0].split()[0] for row in guards()]

    assert items == [
        *(str(number) for number in range(1, 20)),
        *(f"S{number}" for number in range(1, 6)),
        *(f"API{number}" for number in range(1, 11)),
        *(f"V{number}" for number in range(1, 15)),
    ]


def check_draw(*args: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(ROOT / "docs" / "check_draw.py"), *args]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_draws_example_prints_what_it_shows():
    shown = re.search(r"\$ python3 docs/check_draw.py (.*)\n((?: {4}.*\n)+)", draw_document())

    done = check_draw(*shown[1].split())

    assert done.stdout == re.sub(r"^ {4}", "", shown[2], flags=re.M)


@pytest.mark.parametrize(
    ("total", "number"), [(1, 1), (100, 100), (20_000 * 7, 7), (5000, 8), (12_345, 100)]
)
def test_the_strangers_script_draws_what_we_draw(total, number):
    seed = secrets.token_bytes(32)
    rules = {"total": total, "number": number, "minimum": 1, "maximum": 20_000, "seed": seed}
    commitment = draw.commitment(public_id="rp_y", **rules)

    yuan = f"{total // 100}.{total % 100:02d}"
    done = check_draw("rp_y", yuan, str(number), seed.hex(), commitment)

    drawn = draw.draw(**rules)
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [round(float(line[1]) * 100) for line in lines] == drawn
    assert [int(line[0]) for line in lines if "best" in line] == [draw.best_luck(drawn)]


def test_the_strangers_script_notices_another_seed():
    rules = {"total": 1000, "number": 3, "minimum": 1, "maximum": 20_000}
    commitment = draw.commitment(public_id="rp_y", seed=bytes(32), **rules)

    done = check_draw("rp_y", "10.00", "3", bytes(31).hex() + "01", commitment)

    assert done.returncode == 1
    assert done.stderr.startswith("FORGED")


def draw_document() -> str:
    return (ROOT / "docs" / "draw.md").read_text()


def test_the_changelog_begins_with_this_version():
    """What is not released stands above it."""
    headings = re.findall(r"^## \[(.+?)\](?: - (\S+))?$", (ROOT / "CHANGELOG.md").read_text(), re.M)

    assert headings[0] == ("Unreleased", "")
    version, day = headings[1]
    assert version == settings.VERSION
    assert date.fromisoformat(day)
