"""A worker that Celery gives up on is gone soon, whatever its end waits for."""

import os
import subprocess
import sys

import pytest
from celery.worker import consumer as celerys

from kit.plumbing import consumer

STANDS = (
    "import time; from kit.plumbing.consumer import end_within; end_within(0.1); time.sleep(60)"
)


def test_what_ends_a_consumer_gives_its_process_a_bound(monkeypatch):
    def refused(self):
        raise MemoryError("the broker's")

    bounds = []
    monkeypatch.setattr(celerys.Consumer, "start", refused)
    monkeypatch.setattr(consumer, "end_within", bounds.append)

    with pytest.raises(MemoryError):
        consumer.Consumer.__new__(consumer.Consumer).start()

    assert bounds == [consumer.ENDS_S]


def test_who_stands_longer_is_ended():
    done = subprocess.run([sys.executable, "-c", STANDS], timeout=50)

    assert done.returncode == os.EX_SOFTWARE
