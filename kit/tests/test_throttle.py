"""The leaky bucket, to the request: three seconds' worth at once, then one an interval."""

from types import SimpleNamespace

import pytest
from django.conf import settings

from kit.http import throttle
from kit.plumbing import redis
from kit.refusals import Throttled

RATES = (throttle.GRAB, throttle.POST, throttle.GET)


@pytest.fixture(params=["redis", "process"])
def clock(request, monkeypatch):
    """A clock that stands still until told; the bucket in Redis, then in the process."""
    if request.param == "process":
        monkeypatch.setattr(settings, "REDIS_URL", "")
    elif not redis.is_configured():
        pytest.skip("no Redis on this leg; the other leg of `make test` has one")
    monkeypatch.setattr(settings, "REDPACKET_THROTTLE", True)
    clock = Clock(monkeypatch)
    clock.now = 1_790_000_000.0
    return clock


class Clock:
    """Redis goes by its own clock: the script gets this one in its place."""

    def __init__(self, monkeypatch):
        self._patch, self._script = monkeypatch, throttle.SCRIPT
        # The bucket's alone: by the process' own, kit/clock.py knows the database's time.
        monkeypatch.setattr(throttle, "time", SimpleNamespace(monotonic=lambda: self.now))

    @property
    def now(self) -> float:
        return self._now

    @now.setter
    def now(self, now: float) -> None:
        self._now = now
        told = f"{{{int(now)}, {round(now % 1 * 1e6)}}}"
        assert "redis.call('TIME')" in self._script
        self._patch.setattr(throttle, "SCRIPT", self._script.replace("redis.call('TIME')", told))


def allowed(rate, user="u1", tries=200) -> int:
    for count in range(tries):
        try:
            throttle.check(rate, user)
        except Throttled:
            return count
    return tries


@pytest.mark.parametrize("rate", RATES, ids=lambda rate: rate.name)
def test_three_seconds_worth_at_once(clock, rate):
    assert allowed(rate) == 3 * rate.per_s


@pytest.mark.parametrize("rate", RATES, ids=lambda rate: rate.name)
def test_then_one_an_interval(clock, rate):
    allowed(rate)
    clock.now += rate.interval_ms / 1000 - 0.001
    assert allowed(rate) == 0
    clock.now += 0.002
    assert allowed(rate) == 1
    clock.now += 1
    assert allowed(rate) == rate.per_s
    clock.now += 60
    assert allowed(rate) == 3 * rate.per_s


@pytest.mark.parametrize("rate", RATES, ids=lambda rate: rate.name)
def test_what_is_left_is_what_may_still_come(clock, rate):
    for taken in (1, 2, 3):
        left = throttle.check(rate, "u1")
        assert left == 3 * rate.per_s - taken
    clock.now += rate.interval_ms / 1000

    left = throttle.check(rate, "u1")

    assert left == 3 * rate.per_s - 3
    assert allowed(rate) == left
    assert throttle.told(rate, left)["RateLimit"] == f'"{rate.word}";r={left}'


def test_each_user_and_each_class_has_a_bucket(clock):
    assert allowed(throttle.POST, "u1") == 6
    assert allowed(throttle.POST, "u2") == 6
    assert allowed(throttle.GRAB, "u1") == 30


@pytest.mark.parametrize("wait_s", [0.0004, 0.3, 0.999])
def test_retry_after_is_whole_seconds_and_never_zero(clock, wait_s):
    allowed(throttle.POST)
    clock.now += throttle.POST.interval_ms / 1000 - wait_s if wait_s < 0.5 else 0

    with pytest.raises(Throttled) as refused:
        throttle.check(throttle.POST, "u1")

    assert refused.value.headers == {
        "Retry-After": "1",
        "RateLimit-Policy": '"post";q=6;w=3',
        "RateLimit": '"post";r=0;t=1',
    }


def test_off_means_off(clock, monkeypatch):
    monkeypatch.setattr(settings, "REDPACKET_THROTTLE", False)

    assert allowed(throttle.POST) == 200


def test_the_process_does_not_remember_everybody_for_ever(clock, monkeypatch):
    monkeypatch.setattr(settings, "REDIS_URL", "")
    monkeypatch.setattr(throttle, "BUCKETS_MAX", 10)

    for i in range(100):
        throttle.check(throttle.GET, f"u{i}")

    assert len(throttle._buckets) <= 11
