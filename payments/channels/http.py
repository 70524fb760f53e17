"""Requests to channels: deadlines, no redirects, never inside a transaction; and what is refused
here, before anything was sent (kit/outside.py)."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

from django.conf import settings
from django.db import connection

from kit.bulkhead import Bulkhead, Full
from kit.outside import Limits, Line, Reply, Silent, somebody_waits
from kit.plumbing.breaker import Open
from payments.channels.base import ChannelDown, NotSent

__all__ = ["Reply", "call", "line", "lines"]

# A worker's. A request that waits has REDPACKET_CHANNEL_WAIT_S, and one try.
CONNECT_S = 3
READ_S = 8  # between two bytes
TOTAL_S = 12  # of one try; two of them stay below a task's 30 s
BODY_MAX_BYTES = 256 * 1024
BILL_MAX_BYTES = 64 * 1024 * 1024
BILL_TOTAL_S = 25
PAUSE_S = 0.2
TRIES = 2  # of what may be repeated
# What one verb of ours may ask about one row: what became of it, close or refund it, and again what
# became of it. So long may that take: a deadline is looked at between two reads.
CALLS = 3
LONGEST_S = CALLS * TRIES * (TOTAL_S + READ_S + PAUSE_S)

seats = Bulkhead("channels", "REDPACKET_CHANNEL_CALLS_AT_ONCE")


class _Lines(dict[str, Line]):
    """By name: a channel and its gateway, as the settings have it."""

    def __missing__(self, name: str) -> Line:
        return self.setdefault(name, Line(name, seats))


lines = _Lines()


@contextmanager
def line(name: str) -> Iterator[None]:
    """The right to call this gateway; for whoever claims a row or writes one before he calls.

    Raises: NotSent (503).
    """
    with ExitStack() as held:
        try:
            held.enter_context(lines[name].taken())
        except (Open, Full) as error:
            raise NotSent(name) from error
        yield


def call(
    method: str,
    url: str,
    *,
    by: str,
    headers: Mapping[str, str],
    body: bytes = b"",
    repeatable: bool = False,
    bill: bool = False,
    is_none: Callable[[Reply], bool] = lambda reply: False,
) -> Reply:
    """One request by the line of that name. `repeatable` says that the channel does it once however
    often it hears of it (the same number, or only a question): then a failure is tried once more,
    unless somebody waits, and so is a reply of which `is_none` says that it is none.

    Races:   holds no transaction, so a slow channel keeps no row waiting; refuses to run in one.
    Raises:  ChannelDown: no answer in time, too long an answer, a redirect, a 5xx. NotSent.
    """
    if connection.in_atomic_block:
        raise RuntimeError("a channel is never called inside a transaction")
    with line(by):
        tries = TRIES if repeatable else 1
        for left in reversed(range(tries)):
            try:
                reply = lines[by].fetch(
                    method, url, headers=headers, body=body, limits=_limits(bill)
                )
                if 300 <= reply.status < 400:
                    raise ChannelDown(f"HTTP {reply.status}")
                if not left or not is_none(reply):
                    return reply
            except (Silent, ChannelDown) as error:
                if not left or somebody_waits():
                    raise ChannelDown(str(error)) from None
                time.sleep(PAUSE_S)
    raise AssertionError("unreachable")


def _limits(bill: bool) -> Limits:
    most = BILL_MAX_BYTES if bill else BODY_MAX_BYTES
    if somebody_waits():
        wait_s = settings.REDPACKET_CHANNEL_WAIT_S
        return Limits(min(CONNECT_S, wait_s), wait_s, BILL_TOTAL_S if bill else wait_s, most)
    return Limits(CONNECT_S, READ_S, BILL_TOTAL_S if bill else TOTAL_S, most)
