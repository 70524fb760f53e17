"""Figures are noted at once and told together: the same ones, each once."""

import pytest
from prometheus_client import CollectorRegistry, Histogram

from kit.plumbing import metrics, tally
from testing.forks import forked, in_threads


@pytest.fixture
def route(request):
    """A route of one test's, all told before it."""
    tally.tell()
    return request.node.name


def told(route: str, status: int = 200) -> float:
    return metrics.REQUESTS.labels(route, status)._value.get()


def test_many_told_together_are_as_each_observed():
    one_by_one, together = (
        Histogram("seconds", "", buckets=(0.001, 0.01, 1), registry=CollectorRegistry())
        for _ in range(2)
    )
    values = [0.0, 0.0005, 0.001, 0.0011, 0.01, 0.5, 1, 1.5, 60]

    for value in values:
        one_by_one.observe(value)
    tally._observe(together, values)

    def shown(histogram):
        return [
            (sample.name, sample.labels, sample.value)
            for metric in histogram.collect()
            for sample in metric.samples
            if not sample.name.endswith("_created")
        ]

    assert shown(together) == shown(one_by_one)
    assert [value for name, _, value in shown(together) if name == "seconds_count"] == [9]


def test_what_was_noted_is_told_once(route):
    before = metrics.GRABS.labels("too_slow")._value.get()
    for _ in range(3):
        tally.request_done(route, 200, 0.002)
    tally.request_done(route, 503, 0.002)
    tally.grab_done("too_slow")

    tally.tell()
    tally.tell()

    assert (told(route), told(route, 503)) == (3, 1)
    assert metrics.GRABS.labels("too_slow")._value.get() == before + 1


def test_it_is_told_without_being_asked_for(route):
    """By the thread behind; an exit waits for it, as for lines of the log."""
    tally.request_done(route, 200, 0.002)

    assert tally._later.flush(60)

    assert told(route) == 1


def test_threads_lose_nothing(route):
    def note():
        for _ in range(500):
            tally.request_done(route, 200, 0.002)
            tally.tell()

    in_threads([note] * 4)
    tally.tell()

    assert told(route) == 2000


def test_what_the_parent_noted_the_child_does_not_tell(route):
    tally.request_done(route, 200, 0.002)

    def in_child():
        tally.tell()
        return told(route)

    assert forked(in_child) == 0
    tally.tell()
    assert told(route) == 1


def test_the_child_tells_it_too_without_the_guard(route):
    def in_child(noted):
        tally._took_s.update(noted)
        tally.tell()
        return told(route)

    tally.request_done(route, 200, 0.002)

    assert forked(lambda noted=dict(tally._took_s): in_child(noted)) == 1
