"""The connections to Redis, with a breaker: a dead Redis turns into the other path quickly.

A thread keeps one connection for itself: redis-py's pool and client cost more than the round trip.
A Cluster is asked by redis-py's own client, which knows where the slots are; each of its masters
has a breaker of its own, so that the packets of the others go on when one is gone.
"""

import hashlib
import socket
import struct
import threading
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, cast

import hiredis
import structlog
from django.conf import settings
from redis._parsers import BaseParser
from redis.exceptions import NoScriptError, RedisClusterException, RedisError, ResponseError

from kit.plumbing import forks, quick, redis_urls
from kit.plumbing.breaker import Breaker

log = structlog.get_logger(__name__)

READ_BYTES = 65536
BROKEN_S = 1.0  # how long nobody tries again after a failure
FAILURES = (RedisError, RedisClusterException, OSError)


class Down(Exception):
    """No Redis is configured, or it does not answer, or not this."""


def new_breaker() -> Breaker:
    """Open after a single failure; one later caller then tries again."""
    return Breaker("redis", after=1, pause_s=BROKEN_S)


breaker = new_breaker()
_of_masters: dict[str, Breaker] = {}
_own = threading.local()


@forks.in_child
def _renew() -> None:
    """Two processes on one connection would read each other's answers."""
    global breaker, _own
    breaker, _own = new_breaker(), threading.local()
    _of_masters.clear()
    _cluster.cache_clear()


def is_configured() -> bool:
    return bool(quick.setting("REDIS_URL"))


def is_cluster() -> bool:
    """Whether keys live in slots: a script sees those of one hash tag alone."""
    return quick.setting("REDIS_URL").startswith(redis_urls.CLUSTER)


def run(source: str, keys: Sequence[str], args: Sequence) -> Any:
    """Run a Lua script: one round trip (EVALSHA), a second only when the server lost it.

    Raises: Down.
    """
    if is_cluster():
        return guarded(_master_of(keys[0]), _evaluate_there, source, keys, args)
    return guarded(breaker, evaluate, source, keys, args)


def call(command: Callable[[Any], Any], key: str = "") -> Any:
    """command(client) with redis-py's own client, for what is not hot; on a Cluster it goes by the
    breaker of the master that has `key`. Raises: Down."""
    return guarded(_master_of(key) if is_cluster() else breaker, lambda: command(client()))


def check() -> None:
    """Whether every server that should answer does, and takes what is written. Raises: Down."""
    if is_cluster():
        guarded(new_breaker(), _check_all)  # it opens nobody else's
    else:
        run("return redis.call('SET', KEYS[1], 1, 'PX', 1000)", ["ready"], [])


def _check_all() -> None:
    there = client()
    if there.cluster_info(target_nodes=there.get_random_node())["cluster_state"] != "ok":
        raise ConnectionError("the Cluster does not answer for all of its slots")
    there.ping(target_nodes=there.PRIMARIES)


def memory() -> list[dict[str, Any]]:
    """What INFO says of each server's memory. Raises: Down."""
    if not is_cluster():
        return [call(lambda r: r.info("memory"))]
    return list(call(lambda r: r.info("memory", target_nodes=r.PRIMARIES)).values())


def empty() -> None:
    """Drop all copies; each is made again from the table by whoever needs it. Raises: Down."""
    if is_cluster():
        guarded(new_breaker(), lambda: client().flushall(target_nodes=client().PRIMARIES))
    else:
        call(lambda r: r.flushdb())


def client() -> Any:
    return _cluster() if is_cluster() else _one()


@cache
def _cluster() -> Any:
    from redis.backoff import NoBackoff
    from redis.cluster import ClusterNode, RedisCluster
    from redis.retry import Retry

    many = cast(redis_urls.Several, redis_urls.several(settings.REDIS_URL))
    waits = {
        name: settings.REDIS_OPTIONS[name] for name in ("socket_timeout", "socket_connect_timeout")
    }
    return RedisCluster(
        startup_nodes=[ClusterNode(host, port) for host, port in many.hosts],
        password=many.password or None,
        retry=Retry(NoBackoff(), 1),  # once more, where the slot has moved to
        require_full_coverage=False,
        **cast(Any, waits),
    )


@cache
def _one() -> Any:
    from django_redis import get_redis_connection

    return get_redis_connection("default")


def _master_of(key: str) -> Breaker:
    """The breaker of the master that has this key."""
    try:
        name = _cluster().get_node_from_key(key).name
    except (*FAILURES, AttributeError):
        name = ""  # nobody has this slot, or nobody answers
    return _of_masters.setdefault(name, new_breaker())


def guarded(of: Breaker, command: Callable[..., Any], *args: Any) -> Any:
    if not is_configured() or not of.lets_through():
        raise Down()
    try:
        answer = command(*args)
    except ResponseError as error:
        if not _is_of_data(error):
            of.failed()
        log.warning("redis_refused", error=repr(error))
        raise Down() from error
    except FAILURES as error:
        of.failed()
        log.warning("redis_down", error=repr(error))
        raise Down() from error
    of.worked()
    return answer


def _is_of_data(error: ResponseError) -> bool:
    """Whether the server means one key or command, and not its own state (READONLY, OOM, MISCONF):
    redis-py has classes for some of the latter, and takes the plain ERR away."""
    word = str(error).partition(" ")[0]
    return type(error) is ResponseError and (word == "WRONGTYPE" or not word.isupper())


def evaluate(source: str, keys: Sequence[str], args: Sequence) -> Any:
    link = link_of_thread()
    try:
        return link.ask("EVALSHA", _sha(source), len(keys), *keys, *args)
    except NoScriptError:
        return link.ask("EVAL", source, len(keys), *keys, *args)


def _evaluate_there(source: str, keys: Sequence[str], args: Sequence) -> Any:
    try:
        return client().evalsha(_sha(source), len(keys), *keys, *args)
    except NoScriptError:
        return client().eval(source, len(keys), *keys, *args)


@cache
def _sha(source: str) -> str:
    return hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()


class _Link:
    """A connection that redis-py has made (TLS, password, number), with less around a command: no
    retry, no push messages, no time-outs of Python's own, which ask the kernel each time whether a
    call would wait (docs/decisions/0051)."""

    def __init__(self) -> None:
        pool = client().connection_pool
        self.connection = pool.connection_class(**pool.connection_kwargs)
        self.connection.connect()
        self.wire = self.connection._sock
        self._reader = hiredis.Reader(replyError=BaseParser.parse_error)
        limit_us = round((self.connection.socket_timeout or 0) * 1e6)  # 0: without end
        limit = struct.pack("@ll", *divmod(limit_us, 1_000_000))
        for option in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):
            self.wire.setsockopt(socket.SOL_SOCKET, option, limit)
        self.wire.settimeout(None)

    def ask(self, *command: Any) -> Any:
        """One command, its answer. Raises: RedisError, OSError."""
        try:
            self.wire.sendall(hiredis.pack_command(command))
            while (answer := self._reader.gets()) is False:
                said = self.wire.recv(READ_BYTES)
                if not said:
                    raise ConnectionError("Redis has closed the connection")
                self._reader.feed(said)
        except BaseException:
            _own.failures = None  # the next one on this connection would read this one's answer
            raise
        if isinstance(answer, RedisError):
            raise answer
        return answer


def link_of_thread() -> _Link:
    """This thread's; after a failure, anybody's, it is made anew.

    One restart of Redis leaves a dead connection in every thread: dropped together, they cost one
    failure instead of one each.
    """
    # Connections made before its last failure are not trusted.
    if getattr(_own, "failures", None) != breaker.failures:
        _own.link = _Link()
        _own.failures = breaker.failures
    return _own.link
