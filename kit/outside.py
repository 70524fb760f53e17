"""Requests to services of others: deadlines, a size limit, no redirects, no proxy out of the
environment, connections that are kept; and each service with its breaker and its seats (Line)."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from http.cookiejar import Cookie, DefaultCookiePolicy
from typing import Any

import requests
import urllib3

from kit.bulkhead import Bulkhead
from kit.plumbing import forks
from kit.plumbing.breaker import Breaker
from kit.plumbing.during import during

PIECE_BYTES = 64 * 1024

_threads = threading.local()
forks.in_child(lambda: _threads.__dict__.clear())  # a parent's connections carry its answers
_waits: ContextVar[bool] = ContextVar("somebody waits for this thread", default=False)
_held: ContextVar[tuple[str, ...]] = ContextVar("lines that this thread has taken", default=())


class Silent(Exception):
    """No answer, or none in time, or one without end, or a 5xx; says which, without the URL."""


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Mapping[str, str]  # lower-case names
    body: bytes


@dataclass(frozen=True, slots=True)
class Limits:
    connect_s: float
    read_s: float  # between two bytes
    total_s: float  # looked at between two reads
    most_bytes: int


class RequestUnderWay:
    """Around each request that we answer: what it calls must be short. (A class: a generator costs
    a refused grab a microsecond more.)"""

    __slots__ = ("_before",)

    def __enter__(self) -> None:
        self._before = _waits.set(True)

    def __exit__(self, *_error: object) -> None:
        _waits.reset(self._before)


def somebody_waits() -> bool:
    """Whether a request waits for this thread; workers and commands have time."""
    return _waits.get()


class Line:
    """The way to one service. Whoever is to claim something before he calls takes it first: what
    was refused here was never sent."""

    def __init__(self, name: str, seats: Bulkhead) -> None:
        self.name, self.seats = name, seats
        self.breaker = Breaker(name)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Calls inside are let through. A request needs a seat; a worker is one already.

        Raises: Open, Full (503).
        """
        if self.name in _held.get():
            yield
            return
        seat = self.seats.seat() if somebody_waits() else nullcontext()
        with seat, self.breaker.passed(), during(_held, (*_held.get(), self.name)):
            yield

    def fetch(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes = b"",
        limits: Limits,
    ) -> Reply:
        """One request, once. Only silence counts against the service, never what it says.

        Raises: Open, Full (503): nothing was sent. Silent.
        """
        with self.taken():
            try:
                reply = once(method, url, headers, body, limits)
            except Silent:
                self.breaker.failed()
                raise
            self.breaker.worked()
            return reply


def once(method: str, url: str, headers: Mapping, body: bytes, limits: Limits) -> Reply:
    until = time.monotonic() + limits.total_s
    try:
        with session_of_thread().request(
            method,
            url,
            data=body or None,
            headers={"Accept-Encoding": "identity", **headers},
            timeout=(limits.connect_s, limits.read_s),
            allow_redirects=False,
            stream=True,
        ) as response:
            if response.status_code >= 500:
                raise Silent(f"HTTP {response.status_code}")
            content = _read(response.raw, until, limits.most_bytes)
            names = {name.lower(): value for name, value in response.headers.items()}
            return Reply(response.status_code, names, content)
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        # The class alone: the message holds the URL, and a URL may hold a signature.
        raise Silent(type(error).__name__) from None


def _read(raw: urllib3.HTTPResponse, until: float, most: int) -> bytes:
    """Piece by piece, so that an endless or a dripping answer ends here."""
    content = bytearray()
    while piece := raw.read1(PIECE_BYTES, decode_content=False):
        content += piece
        if len(content) > most:
            raise Silent("the answer is too long")
        if time.monotonic() > until:
            raise Silent("the answer takes too long")
    return bytes(content)


def session_of_thread() -> requests.Session:
    """One a thread: connections are kept, nothing is shared, no cookie and no netrc is used."""
    if not hasattr(_threads, "session"):
        session = requests.Session()
        session.trust_env = False
        session.cookies.set_policy(_NoCookies())
        _threads.session = session
    return _threads.session


class _NoCookies(DefaultCookiePolicy):
    def set_ok(self, cookie: Cookie, request: Any) -> bool:
        return False
