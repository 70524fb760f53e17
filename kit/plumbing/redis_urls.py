"""How Redis is reached: one server, one of several that Sentinels watch over, or a Cluster.

redis://:PASSWORD@host:6379/0         rediss:// and unix:///path?db=0 alike
redis+sentinel://:PASSWORD@host:26379,host:26379,host:26379/NAME/0
redis+cluster://:PASSWORD@host:6379,host:6379,host:6379
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote, unquote

SENTINEL, CLUSTER = "redis+sentinel", "redis+cluster"
_SEVERAL = re.compile(
    r"(?P<scheme>redis\+sentinel|redis\+cluster)://(?::(?P<password>[^@/]*)@)?(?P<hosts>[^@/]+)"
    r"(?:/(?P<name>[A-Za-z][A-Za-z0-9._-]*)(?:/(?P<db>[0-9]{1,3}))?)?/?"
)
_HOST = re.compile(r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class Several:
    """More servers than one."""

    hosts: tuple[tuple[str, int], ...]
    password: str
    name: str  # of what the Sentinels watch over; empty: a Cluster
    db: int

    @property
    def is_cluster(self) -> bool:
        return not self.name


@cache
def several(url: str) -> Several | None:
    """None for the URL of one server, and for none. Raises: ValueError."""
    if not url.startswith((SENTINEL, CLUSTER)):
        return None
    found = _SEVERAL.fullmatch(url)
    hosts = [_HOST.fullmatch(host) for host in found["hosts"].split(",")] if found else []
    if not found or not all(hosts) or (found["scheme"] == SENTINEL) is not bool(found["name"]):
        raise ValueError(
            f"it must be {SENTINEL}://HOST:PORT,.../NAME/0 or {CLUSTER}://HOST:PORT,..."
        )
    return Several(
        hosts=tuple((host[1].strip("[]"), int(host[2])) for host in hosts if host),
        password=unquote(found["password"] or ""),
        name=found["name"] or "",
        db=int(found["db"] or 0),
    )


def cache_of(url: str, options: dict[str, Any]) -> dict[str, Any]:
    """Django's cache there; on a Cluster, which its driver does not know, each process's own."""
    many = several(url)
    if not url or (many and many.is_cluster):
        return {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    given: dict[str, Any] = {
        "CONNECTION_POOL_KWARGS": options,
        # Whoever can write there must not have us run what he wrote, as pickle would.
        "SERIALIZER": "django_redis.serializers.json.JSONSerializer",
    }
    if many:
        url = f"redis://{many.name}/{many.db}"
        waits = {name: options[name] for name in ("socket_timeout", "socket_connect_timeout")}
        given |= {
            "CLIENT_CLASS": "django_redis.client.SentinelClient",
            "CONNECTION_FACTORY": "django_redis.pool.SentinelConnectionFactory",
            "CONNECTION_POOL_CLASS": "redis.sentinel.SentinelConnectionPool",
            "SENTINELS": list(many.hosts),
            "SENTINEL_KWARGS": {**waits, "retry": None},
            "PASSWORD": many.password,
        }
    return {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": url, "OPTIONS": given}


def broker_of(url: str) -> tuple[str, dict[str, Any]]:
    """Celery's name for a broker, and what its transport must know beside; none on a Cluster, where
    it cannot be. Raises: ValueError."""
    many = several(url)
    if many is None:
        return re.sub("^unix://", "redis+socket://", url), {}
    if many.is_cluster:
        return "", {}
    secret = f":{quote(many.password, safe='')}@" if many.password else ""
    urls = [f"sentinel://{secret}{host}:{port}/{many.db}" for host, port in many.hosts]
    return ";".join(urls), {"master_name": many.name}
