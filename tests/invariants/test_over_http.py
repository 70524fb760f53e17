"""Histories with the sandbox as the channels, over real sockets: `--http` runs any number."""

from collections import Counter

import pytest

from conftest import _empty, its_half
from tests.invariants import over_http

HISTORIES, MANY = range(1, 9), range(1, 41)

pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


def lived(seeds) -> Counter[str]:
    met: Counter[str] = Counter()

    for seed in seeds:
        _empty()
        told = over_http.live(seed, met, theme="refunds" if seed // 2 % 2 else "")
        assert not told.differences, str(told)

    assert met["paid at a channel"]
    return met


def troubles(met: Counter[str]) -> set[str]:
    return {name for name, times in met.items() if times and name.startswith("trouble: ")}


def test_every_yuan_is_in_one_place_after_any_history_over_http():
    assert troubles(lived(its_half(HISTORIES)))


@pytest.mark.nightly
def test_every_yuan_is_in_one_place_after_any_of_many_histories_over_http():
    met = lived(MANY)

    assert len(troubles(met)) >= 10, met
    assert met["approve_refund"] and met["notice"]
