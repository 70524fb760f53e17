"""The old release beside the new one, under load (rolling.py); web replaced under load is
tests/production's."""

import json
import subprocess
import sys

import pytest

from tests.faults.stack import ROOT

pytestmark = [pytest.mark.once, pytest.mark.nightly]


def test_a_rolling_release_fails_no_request_that_one_repeat_does_not_cure(tmp_path):
    out = tmp_path / "rolling.json"

    done = subprocess.run(
        [sys.executable, "-m", "tests.upgrades.rolling", "--out", str(out)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert out.exists(), done.stdout + done.stderr
    told = json.loads(out.read_text())
    assert (told["found"], told["not cured by one repeat"]) == ([], 0), told
    assert told["shares grabbed"] > 0
    assert told["rows filled"] > 0
    assert all(step["answered"] for step in told["steps"].values()), told["steps"]
