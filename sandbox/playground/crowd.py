"""A hundred bots race for one packet, each with a request of its own over HTTP."""

import fcntl
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import requests
from django.conf import settings
from django.db import connection
from django.utils import timezone

from kit import outbox, pause, retry
from packets.models import RedPacket
from packets.states import Outcome
from sandbox.playground import BOTS, TOKEN_S
from sandbox.tokens import token

AT_ONCE = 20
TRIES = 4
PATIENCE_S = 30
BUSY = (429, 503)
_GOT = (Outcome.GRABBED, Outcome.ALREADY_GRABBED)


class Running(Exception):
    """There is one crowd at a time."""


def send(*, packet: RedPacket, base: str) -> threading.Thread:
    """Let the bots of the packet's group go; what becomes of it is told in the feed (`try.crowd`).

    Races:   one crowd on this machine: whoever holds the file's lock, which ends with its process.
    Raises:  Running.
    """
    path = settings.DATA_DIR / "crowd.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    held = path.open("w")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        held.close()
        raise Running() from None
    thread = threading.Thread(target=_race, args=(held, packet, base), daemon=True)
    thread.start()
    return thread


def _race(held, packet: RedPacket, base: str) -> None:
    url = f"{base}/api/v1/packets/{packet.public_id}/grab"
    bots = [f"{packet.for_id}.b{at:03}" for at in range(1, BOTS + 1)]
    began, ended = time.monotonic(), Counter()
    with closing(held), closing(connection), ThreadPoolExecutor(AT_ONCE) as pool:
        for outcome in pool.map(lambda bot: _grab(url, bot), bots):
            ended[outcome] += 1
            if ended.total() % AT_ONCE == 0:
                _tell(packet, ended, time.monotonic() - began)


def _grab(url: str, bot: str) -> str:
    """How it ended: got, late or failed. Who is told to wait waits."""
    pause.here("crowd: a bot is about to grab")
    with requests.Session() as session:
        session.trust_env = False  # to ourselves, past any proxy
        session.headers["Authorization"] = f"Bearer {token(bot, TOKEN_S)}"
        for _ in range(TRIES):
            try:
                answer = session.post(url, timeout=PATIENCE_S)
            except requests.RequestException:
                continue
            if answer.status_code not in BUSY:
                break
            time.sleep(min(float(answer.headers.get("Retry-After", "1")), 5))
        else:
            return "failed"
    if answer.status_code != 200:
        return "failed"
    return "got" if answer.json()["outcome"] in _GOT else "late"


@retry.unit
def _tell(packet: RedPacket, ended: Counter, took_s: float) -> None:
    outbox.tell(
        "try.crowd",
        now=timezone.now(),
        packet=packet.public_id,
        for_id=packet.for_id,
        bots=BOTS,
        done=ended.total(),
        got=ended["got"],
        late=ended["late"],
        failed=ended["failed"],
        took_s=round(took_s, 1),
    )
