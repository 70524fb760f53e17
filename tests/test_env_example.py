""".env.example names every variable that is read, and nothing else; its values make sense."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.once
ROOT = Path(__file__).resolve().parent.parent
READERS = (
    "redpacket_site",
    "h5",
    "ops",
    "packets",
    "payments",
    "wallets",
    "kit",
    "office",
    "sandbox",
)
READ = re.compile(
    r"""(?:env\.\w+|os\.environ\.get|getenv)\(\s*"([A-Z][A-Z0-9_]+)"|os\.environ\["([A-Z0-9_]+)"\]"""
)
THE_MACHINES = {"PATH"}
EXAMPLE = dict(
    line.split("=", 1)
    for line in (ROOT / ".env.example").read_text().splitlines()
    if line and not line.startswith("#")
)


def names_read() -> set[str]:
    files = [path for folder in READERS for path in (ROOT / folder).rglob("*.py")]
    found = READ.findall("".join(path.read_text() for path in files if "tests" not in path.parts))
    return {first or second for first, second in found} - THE_MACHINES


def test_the_example_names_what_is_read_and_nothing_else():
    assert sorted(EXAMPLE) == sorted(names_read())


def test_every_variable_has_a_sentence():
    lines = (ROOT / ".env.example").read_text().splitlines()
    above = {line.split("=")[0]: lines[at - 1] for at, line in enumerate(lines) if "=" in line}

    alone = {name for name in EXAMPLE if not above[name].startswith("#")}

    # These share the sentence of the line above them.
    assert alone == {
        "REDPACKET_CHECKER_MAX",
        "REDPACKET_JWT_AUD",
        "REDPACKET_SHARE_MIN",
        "REDPACKET_TOPUP_MAX",
    }


def test_the_example_starts():
    values = {name: value for name, value in EXAMPLE.items() if value}
    quiet = {name: value for name, value in os.environ.items() if "REDPACKET" not in name}

    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env=quiet | values | {"DJANGO_SETTINGS_MODULE": "redpacket_site.settings"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
