"""What can happen to whom. Each kind is a context: it has happened inside, and is over after it."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

from tests.faults import load
from tests.faults.stack import APP, SERVERS, Stack

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
# A web process decides whether a packet has expired: seconds. Workers that are far off stand still.
SKEWS = {"web": (-20, 20), "worker": (-30, 45, 3600, -3600), "beat": (-600, 30, 3600)}
LONG_SHARE = 0.15


@dataclass(frozen=True)
class Kind:
    name: str
    target: str
    happens: Callable[[Stack, Random], AbstractContextManager]
    holds_s: tuple[float, float]  # how long it lasts, mostly the lower of the two

    @property
    def touches_what_runs_by_itself(self) -> bool:
        return self.target in ("worker", "beat", "broker")

    @property
    def imports_again(self) -> bool:
        """Slow to come back: Django is imported anew, seconds of a processor."""
        how, _, whom = self.name.partition(": ")
        return how == "skewed" or (how == "killed" and whom in (*APP, "one of web"))

    @property
    def weight(self) -> int:
        """How often, against the others: less what is slow to come back."""
        how = self.name.partition(": ")[0]
        if how == "skewed" or self.name == "killed: web":
            return 1
        if self.imports_again or self.name == "killed: mariadb":
            return 4
        return 30


@contextmanager
def _killed(stack: Stack, name: str) -> Iterator[None]:
    stack[name].kill()
    yield
    if name in SERVERS:
        stack.start_server(name)
    else:
        stack[name].start()


@contextmanager
def _one_killed(stack: Stack, luck: Random, name: str) -> Iterator[None]:
    """One process of several; the parent starts another one."""
    if children := stack[name].children():
        with suppress(ProcessLookupError):
            os.kill(luck.choice(children), signal.SIGKILL)
    yield


@contextmanager
def _stopped(stack: Stack, name: str) -> Iterator[None]:
    stack[name].signal(signal.SIGSTOP)
    yield
    stack[name].signal(signal.SIGCONT)


@contextmanager
def _answers_lost() -> Iterator[None]:
    """What is sent arrives and is done; nobody hears of it."""
    load.answers_are_lost.set()
    yield
    load.answers_are_lost.clear()


@contextmanager
def _emptied(stack: Stack, name: str) -> Iterator[None]:
    stack.redis(name, "FLUSHALL")
    yield


@contextmanager
def _memory_full(stack: Stack, name: str) -> Iterator[None]:
    """Reads go on, whatever would need memory is refused."""
    stack.redis(name, "CONFIG", "SET", "maxmemory", "1")
    yield
    stack.redis(name, "CONFIG", "SET", "maxmemory", "0")


@contextmanager
def _disk_full(stack: Stack) -> Iterator[None]:
    ballast = stack.disk / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(65536))
    yield
    ballast.unlink()


@contextmanager
def _skewed(stack: Stack, luck: Random, name: str) -> Iterator[None]:
    """Killed, and started again with a wrong clock; then with the right one."""
    by = luck.choice(SKEWS[name])
    stack[name].kill()
    stack[name].start(
        LD_PRELOAD=str(FAKETIME), FAKETIME=f"{by:+d}", FAKETIME_DONT_FAKE_MONOTONIC="1"
    )
    yield
    stack[name].kill()
    stack[name].start()


def kinds(stack: Stack) -> list[Kind]:
    """Those that this machine can do."""
    made = []
    for name in (*APP, *SERVERS):
        made.append(Kind(f"killed: {name}", name, lambda s, _, n=name: _killed(s, n), (0, 1)))
        made.append(Kind(f"stopped: {name}", name, lambda s, _, n=name: _stopped(s, n), (0.05, 2)))
    for name in ("web", "worker"):
        one = Kind(f"killed: one of {name}", name, partial(_one_killed, name=name), (0, 0))
        made.append(one)
    for name in SERVERS:
        wire = f"wire-{name}"
        made.append(Kind(f"cut: {name}", name, lambda s, _, n=wire: _killed(s, n), (0.05, 1.5)))
        made.append(Kind(f"silent: {name}", name, lambda s, _, n=wire: _stopped(s, n), (0.05, 2)))
    for name in ("redis", "broker"):
        made.append(Kind(f"emptied: {name}", name, lambda s, _, n=name: _emptied(s, n), (0, 0)))
        full = Kind(f"memory full: {name}", name, lambda s, _, n=name: _memory_full(s, n), (0.1, 2))
        made.append(full)
    made.append(Kind("lost: answers", "people", lambda s, _: _answers_lost(), (0.1, 2)))
    if stack.has_own_disk:
        made.append(Kind("disk full: mariadb", "mariadb", lambda s, _: _disk_full(s), (0.1, 2)))
    if FAKETIME.exists():
        for name in SKEWS:
            made.append(Kind(f"skewed: {name}", name, partial(_skewed, name=name), (2, 5)))
    return made


def hold(luck: Random, kind: Kind) -> None:
    """Mostly a moment, now and then as long as it may be."""
    least, most = kind.holds_s
    time.sleep(luck.uniform(least, most) if luck.random() < LONG_SHARE else least)
