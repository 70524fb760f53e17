"""A migration that was released is never edited: databases have run it."""

from hashlib import sha256

import pytest
from django.apps import apps

from tests.faults.stack import ROOT
from tests.upgrades.before import BASELINE, RELEASE, RELEASED

pytestmark = pytest.mark.once


def test_what_was_released_is_as_it_was():
    now = {name: sha256((ROOT / name).read_bytes()).hexdigest() for name in RELEASED}

    changed = [name for name in RELEASED if now[name] != RELEASED[name]]
    assert changed == [], f"released with {RELEASE} or before: add a migration, and leave these"


def test_all_that_was_released_is_listed():
    """Up to the baseline, the sandbox's first one too."""
    found = {
        str(file.relative_to(ROOT))
        for config in apps.get_app_configs()
        if (ROOT / config.label).is_dir()
        for file in (ROOT / config.label / "migrations").glob("0*.py")
        if file.stem <= BASELINE.get(config.label, "0001_initial")
    }
    assert found == set(RELEASED)
