"""The one connection to Redis, with a breaker: a dead Redis turns into the other path quickly."""

import time
from collections.abc import Callable
from functools import cache
from typing import Any

import structlog
from django.conf import settings
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

BROKEN_S = 1.0  # how long nobody tries again after a failure


class Down(Exception):
    """No Redis is configured, or it does not answer."""


class _Breaker:
    until = 0.0


breaker = _Breaker()


@cache
def _connection():
    """Taken once: django-redis makes a pool per call of its own."""
    from django_redis import get_redis_connection

    return get_redis_connection("default")


@cache
def _script(name: str, source: str):
    return _connection().register_script(source)


def is_configured() -> bool:
    return bool(settings.REDIS_URL)


def run(name: str, source: str, keys: list[str], args: list) -> Any:
    """Run a Lua script: one round trip (EVALSHA), a second only when the server lost it."""
    return call(lambda _: _script(name, source)(keys=keys, args=args))


def call(command: Callable[[Any], Any]) -> Any:
    """command(connection), or Down."""
    if not settings.REDIS_URL or time.monotonic() < breaker.until:
        raise Down()
    try:
        return command(_connection())
    except RedisError as error:
        breaker.until = time.monotonic() + BROKEN_S
        log.warning("redis_down", error=repr(error))
        raise Down() from error
