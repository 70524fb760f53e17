from datetime import timedelta

import pytest

from kit import backoff

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("tries", "seconds"), [(0, 30), (1, 60), (6, 1920), (7, 3600), (12, 3600), (32_767, 3600)]
)
def test_pauses_double_up_to_the_most(tries, seconds):
    assert backoff.pause(timedelta(seconds=30), tries, timedelta(hours=1)).seconds == seconds
