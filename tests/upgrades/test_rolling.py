"""The old release beside the new one, under load (rolling.py); web replaced under load is
tests/production's."""

import pytest

from testing.told import told_by

pytestmark = [pytest.mark.once, pytest.mark.nightly]


def test_a_rolling_release_fails_no_request_that_one_repeat_does_not_cure(tmp_path):
    told, _ = told_by("tests.upgrades.rolling", tmp_path / "rolling.json")

    assert (told["found"], told["not cured by one repeat"]) == ([], 0), told
    assert told["shares grabbed"] > 0
    assert told["rows filled"] > 0
    assert all(step["answered"] for step in told["steps"].values()), told["steps"]
