"""The world of one history: its clock, its luck, its channels, its queues, and what goes wrong
between any two statements.

One seed is one history. Everything that is drawn is drawn from `luck`, in the order of the steps;
what others do meanwhile runs on the same connection, between two transactions of whoever is at
work, which is an order of events that two processes could have had.
"""

import random
import secrets
import sys
import threading
from collections import Counter
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timedelta
from unittest import mock

from celery import current_app
from django.db import Error as DatabaseError
from django.db import OperationalError, connection, connections, transaction
from django.utils import timezone

from kit import heartbeat, later, sweeps
from kit.retry import is_conflict
from payments.channels import registry
from payments.channels.base import Notice
from payments.states import CHANNELS, PayType
from tests.invariants.channel_books import ChannelBooks, Front

NOON = 4  # o'clock UTC: noon in Shanghai
DEEP = 2  # how many may be in each other's way
real_now = timezone.now


class Killed(BaseException):
    """As SIGKILL: nobody catches it, nothing is said any more."""


class Nothing(Exception):
    """There is nothing that a step could be about: another one is drawn."""


class Crashed(AssertionError):
    """A verb ended in an exception that is no answer."""


class World:
    """What a history acts in; `met` counts what it has met."""

    def __init__(self, seed: int, met: Counter, off: frozenset[str] = frozenset()):
        self.seed, self.met, self.off = seed, met, off
        self.luck = random.Random(seed)
        start = real_now().replace(hour=NOON, minute=0, second=0, microsecond=0)
        self.time = start
        self.began = start
        self.honest = False  # the channels, once the sweeps run to quiet
        self.lies = self.luck.choice((0.0, 0.2, 0.4, 0.6))
        self.bustle = self.luck.choice((0.0, 0.02, 0.06))  # others act in between
        self.steps: list[str] = []
        self.notices: list[tuple[PayType, Notice]] = []
        self.tasks: list[tuple[str, tuple]] = []
        self.promised: dict[tuple[str, str], object] = {}  # (packet, user) -> what a grab said
        self.false_words: list[str] = []  # differences that a bill did not have
        self.jitter = None  # in a crowd: how long a commit and a call wait
        self.lock = threading.RLock()
        self.others = None  # what others do, meanwhile
        self._here = threading.local()
        self.books = self.make_books()

    def make_books(self) -> dict[PayType, ChannelBooks]:
        return {
            one: ChannelBooks(
                one, lambda: self.time, self.channel_says, self.meanwhile, self.takes_time
            )
            for one in CHANNELS
        }

    # --- time and luck

    def now(self) -> datetime:
        """The clock of whoever is at work: machines' clocks differ."""
        return self.time + getattr(self._here, "skew", timedelta())

    def later(self, **units: float) -> None:
        self.time += timedelta(**units)

    @contextmanager
    def clock_off(self, by: timedelta):
        before = getattr(self._here, "skew", timedelta())
        self._here.skew = by
        try:
            yield
        finally:
            self._here.skew = before

    def takes_time(self) -> None:
        """A call to a channel that is slow, yet within its deadline."""
        if self.jitter:
            self.jitter()
        if not self.honest and self.chance(0.1):
            self.met["a slow call"] += 1
            self.later(seconds=self.luck.choice((2, 9, 40)))

    def chance(self, p: float) -> bool:
        return self.luck.random() < p

    def channel_says(self, what: str, lies: tuple[str, ...]) -> str:
        """How a channel behaves this time."""
        lies = tuple(lie for lie in lies if f"{what}: {lie}" not in self.off)
        p = self.lies
        if p and what in ("refund", "query_refund"):
            p = max(p, 0.4)  # what matters most, and comes least often
        if self.honest or not lies or not self.chance(p):
            return ""
        lie = self.luck.choice(lies)
        self.met[f"{what}: {lie}"] += 1
        self.steps.append(f"    the channel: {what}: {lie}")
        return lie

    # --- others at work, between two transactions

    def meanwhile(self, where: str, p: float | None = None) -> None:
        deep = getattr(self._here, "deep", 0)
        if self.others is None or deep >= DEEP or self.is_doomed():
            return
        if connection.in_atomic_block or not self.chance(self.bustle * 4 if p is None else p):
            return
        self._here.deep = deep + 1
        self.met["meanwhile"] += 1
        try:
            self.others(where)
        finally:
            self._here.deep = deep

    def is_doomed(self) -> bool:
        here = self._here
        doomed = ("dies_at", "deaf_at", "is_deaf")
        return any(getattr(here, name, None) for name in doomed)

    # --- kills

    def killed(self, work, statements: int) -> bool:
        """work() in a process that dies before its n-th statement; False when it lived."""
        here = self._here
        here.dies_at, here.sent, here.is_dead = statements, 0, False
        try:
            with suppress(Killed):
                try:
                    work()
                except Exception:
                    if not here.is_dead:
                        raise
        finally:
            dead, here.dies_at, here.is_dead = here.is_dead, None, False
            if dead:
                _new_connection()
        return dead

    def _count(self) -> None:
        here = self._here
        if getattr(here, "is_dead", False):
            raise Killed
        if getattr(here, "dies_at", None):
            here.sent += 1
            if here.sent >= here.dies_at:
                here.is_dead = True
                with suppress(DatabaseError):
                    connection.connection.close()  # the server rolls back
                raise Killed

    def acknowledgement_lost(self, work, which: int) -> bool:
        """work(), whose n-th COMMIT is done, but whose process never hears so; False when it made
        fewer."""
        here = self._here
        here.deaf_at, here.commits = which, 0
        try:
            work()
        except DatabaseError:
            if here.deaf_at:
                raise
        finally:
            lost, here.deaf_at, here.is_deaf = here.deaf_at is None, None, False
            if lost:
                _new_connection()
        return lost

    # --- as it is hooked in

    def met_troubles(self) -> None:
        """Notes what befell calls to channels, where they have troubles of their own."""

    @contextmanager
    def running(self):
        """While this holds, the product lives in this world."""
        enter, world = transaction.Atomic.__enter__, self

        def begin(atomic):
            if not connection.in_atomic_block:
                world._statement()
            return enter(atomic)

        with ExitStack() as stack:
            for target, name, new in (
                (timezone, "now", self.now),
                (transaction.Atomic, "__enter__", begin),
                (later, "run", self._queued),
                *self.sides(),
                (heartbeat, "database_now", lambda: self.time),
                (secrets, "token_bytes", self._token_bytes),
                (sweeps, "log", _Loud(self)),
            ):
                stack.enter_context(mock.patch.object(target, name, new))
            with self.at_work():
                yield self

    def sides(self) -> tuple:
        """Where the product meets its channels."""
        return (
            (registry, "channel", self._channel),
            (registry, "every", self._every),
            (registry, "offered", lambda: list(self.books)),
            (registry, "heard", lambda: list(self.books)),
        )

    def becomes_honest(self) -> None:
        """From now on every channel answers, and rightly."""
        self.honest = True
        for books in self.books.values():
            books.is_gone = False

    @contextmanager
    def at_work(self):
        """This thread's connections count their statements."""
        kind = type(connections["default"])
        real, wrapped = kind.connect, self._wrapped

        def connect(db):
            real(db)
            wrapped(db)

        connection.ensure_connection()
        self._wrapped(connections["default"])
        with mock.patch.object(kind, "connect", connect):
            yield
        _new_connection()

    def _wrapped(self, db) -> None:
        if getattr(db, "of_world", None) is self:
            return
        db.of_world = self
        db.execute_wrappers.append(self._watch)
        commit, here = db._commit, self._here

        def counted_commit():
            self._count()
            if self.jitter:
                self.jitter()
            commit()
            if getattr(here, "deaf_at", None):
                here.commits += 1
                if here.commits == here.deaf_at:
                    here.deaf_at = None
                    here.is_deaf = True
                    db.connection.close()
                    raise OperationalError(2013, "Lost connection to server during query")
            self._count()

        db._commit = counted_commit

    def _watch(self, execute, sql, params, many, context):
        self._statement()
        self._count()
        return execute(sql, params, many, context)

    def _statement(self) -> None:
        if not connection.in_atomic_block:
            self.meanwhile("a statement", self.bustle)

    def _channel(self, pay_type: PayType, merchant: str = "") -> Front:
        books = self.books[PayType(pay_type)]
        return Front(books, merchant or books.merchants[-1])

    def _every(self, pay_type: PayType) -> list[Front]:
        books = self.books[PayType(pay_type)]
        return [Front(books, merchant) for merchant in reversed(books.merchants)]

    def _queued(self, task: str, *args, in_s: float = 0) -> None:
        self._count()
        self.tasks.append((task, args))

    def _token_bytes(self, count: int) -> bytes:
        return self.luck.randbytes(count)

    def one_under_way(self, queue: list, luck: random.Random, kept: float) -> tuple:
        """A message out of a queue without order; whether it stays there, too, to come again."""
        with self.lock:
            if not queue:
                raise Nothing
            at, is_kept = luck.randrange(len(queue)), luck.random() < kept
            found = queue[at] if is_kept else queue.pop(at)
        return (*found, is_kept)

    def run_task(self, task: str, args: tuple) -> None:
        current_app.tasks[task](*args)


class _Loud:
    """A sweep goes on past a bad row; a history does not."""

    def __init__(self, world: World):
        self.world = world

    def exception(self, event, **about):
        here, error = self.world._here, sys.exc_info()[1]
        if isinstance(error, OperationalError) and is_conflict(error):
            self.world.met["conflict"] += 1  # the next sweep has it
        elif not (getattr(here, "is_dead", False) or getattr(here, "is_deaf", False)):
            raise Crashed(f"{event} {about}: {error!r}") from error

    def __getattr__(self, name):
        return lambda *args, **kwargs: None


def _new_connection() -> None:
    """A process that begins anew: nothing of the old connection is left."""
    with suppress(Exception):
        connections["default"].close()
    del connections["default"]
