"""What each request counts, gathered for a moment and told to Prometheus at once.

A figure that processes share is a place in a mapped file behind a lock, and a request has four of
them: for a refused grab that was a fifth of its price. Noting is one append, which threads may do
at the same time. Whoever shows figures tells them first; other processes are behind by EVERY_S, and
a process that is killed takes that long a piece of its figures with it (docs/decisions/0051).
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from functools import partial

from prometheus_client import Histogram

from kit.plumbing import forks, metrics
from kit.plumbing.handoff import Handoff

EVERY_S = 0.25

_took_s: defaultdict[tuple[str, int], list[float]] = defaultdict(list)  # by route and status
_grabs: defaultdict[str, list[None]] = defaultdict(list)  # by outcome
_lock = forks.lock()
_is_asked = False


def request_done(route: str, status: int, took_s: float) -> None:
    _took_s[route, status].append(took_s)
    _ask()


def grab_done(outcome: str) -> None:
    _grabs[outcome].append(None)
    _ask()


def _ask() -> None:
    """Have what is noted told.

    Races: the thread takes the wish away before it looks; what was noted before that it sees.
    """
    global _is_asked
    if not _is_asked:
        _is_asked = True
        _later.put(None)


def _tell_later(_wishes: list) -> None:
    global _is_asked
    _is_asked = False
    tell()


def tell() -> None:
    """Everything that was noted before this call has been told after it."""
    with _lock:
        for (route, status), noted in list(_took_s.items()):
            if took_s := _taken(noted):
                metrics.REQUESTS.labels(route, status).inc(len(took_s))
                _observe(metrics.SECONDS.labels(route), took_s)
        for outcome, some in list(_grabs.items()):
            if count := len(_taken(some)):
                metrics.GRABS.labels(outcome).inc(count)


def _taken(noted: list) -> list:
    """What is in the list, and out of it: two steps, and what is appended in between stays."""
    taken = noted[:]
    del noted[: len(taken)]
    return taken


def _observe(histogram: Histogram, values: list[float]) -> None:
    """As histogram.observe() for each of them; prometheus_client has no word for many."""
    histogram._sum.inc(sum(values))
    places = Counter(map(partial(bisect_left, histogram._upper_bounds), values))
    for place, count in places.items():
        histogram._buckets[place].inc(count)


@forks.in_child
def _renew() -> None:
    """What the parent noted it tells itself."""
    global _is_asked
    _took_s.clear()
    _grabs.clear()
    _is_asked = False


_later = Handoff("figures", _tell_later, most=10, gathers_s=EVERY_S)
