"""The news of one group, as its chat server would read them."""

import time

from kit import outbox
from kit.plumbing import forks
from sandbox.playground import group_of

LIMIT = 1000
POLL_S = 0.25

_waiting = forks.lock()  # at most one waiting request a process: its threads are for those who play


def feed(*, group: str, after: int, wait_s: float) -> tuple[list[outbox.News], int]:
    """Events of the group behind a place, and the place to go on from; waits for the first one
    where nobody waits in this process already."""
    news, after = _read(group, after)
    if news or not wait_s or not _waiting.acquire(blocking=False):
        return news, after
    try:
        until = time.monotonic() + wait_s
        while not news and time.monotonic() < until:
            time.sleep(POLL_S)
            news, after = _read(group, after)
    finally:
        _waiting.release()
    return news, after


def _read(group: str, after: int) -> tuple[list[outbox.News], int]:
    found = outbox.read(after=after, limit=LIMIT)
    ours = [
        one
        for one in found
        if group in (group_of(one.data.get("for_id")), group_of(one.data.get("user_id")))
    ]
    return ours, found[-1].place if found else after
