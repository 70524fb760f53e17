"""What docstrings show is so."""

import doctest
import importlib

import pytest
from django.utils import translation

from tests.test_house import PACKAGES, ROOT, sources

pytestmark = pytest.mark.once

MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in sources(*PACKAGES)
    if ">>> " in path.read_text()
]


@pytest.mark.parametrize("name", MODULES)
def test_docstrings_show_what_is_so(name):
    with translation.override("en"):
        run = doctest.testmod(importlib.import_module(name))

    assert run.attempted > 0 == run.failed
