"""Histories with the sandbox as the channels, over real sockets: `--http` runs any number."""

from collections import Counter

import pytest

from conftest import _empty
from tests.invariants import over_http

HISTORIES = range(1, 9)


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_every_yuan_is_in_one_place_after_any_history_over_http():
    met: Counter[str] = Counter()

    for seed in HISTORIES:
        _empty()
        told = over_http.live(seed, met, theme="refunds" if seed % 2 else "")
        assert not told.differences, str(told)

    troubles = {name for name, times in met.items() if times and name.startswith("trouble: ")}
    assert len(troubles) >= 5, troubles
    assert met["paid at a channel"] and met["approve_refund"] and met["notice"]
