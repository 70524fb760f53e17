"""Requests per user and endpoint class (api.md): a leaky bucket (GCRA), in Redis or per process."""

import time
from dataclasses import dataclass

from django.conf import settings

from kit.plumbing import redis
from kit.refusals import Throttled

BURST_S = 3  # of requests at once


@dataclass(frozen=True, slots=True)
class Rate:
    """So many a second, three times that in a burst."""

    name: str
    per_s: int
    word: str  # in the headers of a refusal

    @property
    def policy(self) -> str:
        return f'"{self.word}";q={self.per_s * BURST_S};w={BURST_S}'

    @property
    def interval_ms(self) -> float:
        return 1000 / self.per_s

    @property
    def tolerance_ms(self) -> float:
        return 1000.0 * BURST_S - self.interval_ms


GRAB, POST, GET = Rate("g", 10, "grab"), Rate("p", 2, "post"), Rate("r", 20, "get")

# KEYS[1]: when the bucket is empty again, ms. ARGV: interval ms, tolerance ms. Returns ms to wait,
# or, not above zero, how many more may come at once. By the server's clock: those of the machines
# that share a bucket may differ.
SCRIPT = """
local interval, tolerance = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local empty_at = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
if empty_at - now > tolerance then return math.ceil(empty_at - now - tolerance) end
redis.call('SET', KEYS[1], empty_at + interval, 'PX', math.ceil(tolerance + interval * 2))
return -math.floor((tolerance + now - empty_at) / interval)
"""

_buckets: dict[str, float] = {}
BUCKETS_MAX = 50_000


def key(rate: Rate, user_id: str) -> str:
    return f"throttle:{rate.name}:{user_id}"


def check(rate: Rate, user_id: str) -> int | None:
    """Count one request, or raise Throttled (429); how many more may come at once. None: nobody
    counts. Without Redis per process, never closed."""
    if not settings.REDPACKET_THROTTLE:
        return None
    try:
        wait_ms = redis.run(SCRIPT, [key(rate, user_id)], [rate.interval_ms, rate.tolerance_ms])
    except redis.Down:
        wait_ms = _check_here(rate, user_id, time.monotonic() * 1000)
    if wait_ms > 0:
        raise refusal(rate, wait_ms)
    return -int(wait_ms)


def told(rate: Rate, left: int) -> dict[str, str]:
    """What is allowed and what is left of it (RateLimit header fields for HTTP)."""
    return {"RateLimit-Policy": rate.policy, "RateLimit": f'"{rate.word}";r={left}'}


def refusal(rate: Rate, wait_ms: float) -> Throttled:
    """With what is allowed, and when one more is."""
    wait_s = max(1, -(-int(wait_ms) // 1000))
    refused = Throttled(wait_s)
    refused.headers["RateLimit-Policy"] = rate.policy
    refused.headers["RateLimit"] = f'"{rate.word}";r=0;t={wait_s}'
    return refused


def _check_here(rate: Rate, user_id: str, now_ms: float) -> float:
    if len(_buckets) > BUCKETS_MAX:
        _buckets.clear()
    name = key(rate, user_id)
    empty_at = max(_buckets.get(name, 0.0), now_ms)
    if empty_at - now_ms > rate.tolerance_ms:
        return empty_at - now_ms - rate.tolerance_ms
    _buckets[name] = empty_at + rate.interval_ms
    return -((rate.tolerance_ms + now_ms - empty_at) // rate.interval_ms)
