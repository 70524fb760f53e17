"""Requests to channels: deadlines, a size limit, no redirects, and never inside a transaction."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.cookiejar import Cookie, DefaultCookiePolicy
from typing import Any

import requests
import urllib3
from django.db import connection

from payments.channels.base import ChannelDown
from redpacket_site.kit import forks

CONNECT_S = 3
READ_S = 8  # between two bytes
TOTAL_S = 12  # of one try; two of them stay below a task's 30 s
BODY_MAX_BYTES = 256 * 1024
BILL_MAX_BYTES = 64 * 1024 * 1024
BILL_TOTAL_S = 25
PIECE_BYTES = 64 * 1024
PAUSE_S = 0.2
TRIES = 2  # of what may be repeated
# What one verb of ours may ask about one row: what became of it, close or refund it, and again what
# became of it. So long may that take: a deadline is looked at between two reads.
CALLS = 3
LONGEST_S = CALLS * TRIES * (TOTAL_S + READ_S + PAUSE_S)

_threads = threading.local()
forks.in_child(lambda: _threads.__dict__.clear())  # a parent's connections carry its answers


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Mapping[str, str]  # lower-case names
    body: bytes


def call(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes = b"",
    repeatable: bool = False,
    bill: bool = False,
    is_none: Callable[[Reply], bool] = lambda reply: False,
) -> Reply:
    """One request. `repeatable` says that the channel does it once however often it hears of it
    (the same number, or only a question): then a failure is tried once more, and so is a reply of
    which `is_none` says that it is none.

    Races:   holds no transaction, so a slow channel keeps no row waiting; refuses to run in one.
    Raises:  ChannelDown: no answer in time, too long an answer, a redirect, a 5xx.
    """
    if connection.in_atomic_block:
        raise RuntimeError("a channel is never called inside a transaction")
    for left in reversed(range(TRIES if repeatable else 1)):
        try:
            reply = _once(method, url, headers, body, bill)
            if not left or not is_none(reply):
                return reply
        except ChannelDown:
            if not left:
                raise
            time.sleep(PAUSE_S)
    raise AssertionError("unreachable")


def _once(method: str, url: str, headers: Mapping[str, str], body: bytes, bill: bool) -> Reply:
    until = time.monotonic() + (BILL_TOTAL_S if bill else TOTAL_S)
    try:
        with _session().request(
            method,
            url,
            data=body or None,
            headers={"Accept-Encoding": "identity", **headers},
            timeout=(CONNECT_S, READ_S),
            allow_redirects=False,
            stream=True,
        ) as response:
            if 300 <= response.status_code < 400 or response.status_code >= 500:
                raise ChannelDown(f"HTTP {response.status_code}")
            content = _read(response.raw, until, BILL_MAX_BYTES if bill else BODY_MAX_BYTES)
            names = {name.lower(): value for name, value in response.headers.items()}
            return Reply(response.status_code, names, content)
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        # The class alone: the message holds the URL, and a URL may hold a signature.
        raise ChannelDown(type(error).__name__) from None


def _read(raw: urllib3.HTTPResponse, until: float, most: int) -> bytes:
    """Piece by piece, so that an endless or a dripping answer ends here."""
    content = bytearray()
    while piece := raw.read1(PIECE_BYTES, decode_content=False):
        content += piece
        if len(content) > most:
            raise ChannelDown("the answer is too long")
        if time.monotonic() > until:
            raise ChannelDown("the answer takes too long")
    return bytes(content)


def _session() -> requests.Session:
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
