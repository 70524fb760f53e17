"""`check --deploy`: what a service that people trust with money must not be without."""

from collections.abc import Iterator
from itertools import combinations
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

from kit.http import service_keys
from kit.http.caller import load_keys
from kit.plumbing import redis
from kit.plumbing.env import listed, weakness

RSA_BITS_MIN = 2048


@register(Tags.security, deploy=True)
def check_production(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """One line a fault; nothing when it can go into the street."""
    return [Error(says, id=f"hongbao.E{number:03}") for number, says in _faults()]


def _faults() -> Iterator[tuple[int, str]]:
    if settings.REDPACKET_ENV != "production":
        yield 1, "REDPACKET_ENV is not production: tokens of development would be accepted."
    for name, secret in _secrets():
        if why := weakness(secret):
            yield 2, f"{name}: {why}."
    for (one, secret), (other, same) in combinations(_secrets(), 2):
        if secret == same:
            yield 3, f"{one} and {other} are the same: who learns one has both."
    for name in ("REDPACKET_PUBLIC_URL", "REDPACKET_RETURN_URL", "REDPACKET_MEMBERS_URL"):
        if getattr(settings, name).startswith("http:"):
            yield 4, f"{name} is not https: what travels there can be read and changed."
    if not settings.REDPACKET_PUBLIC_URL:
        yield 4, "REDPACKET_PUBLIC_URL is missing: no channel could notify us."
    if "sqlite3" in settings.DATABASES["default"]["ENGINE"]:
        yield 5, "REDPACKET_DATABASE_URL is SQLite: one writer, one machine, no replica."
    if settings.CELERY_BROKER_URL.startswith(("atomicfile:", "memory:", "filesystem:")):
        yield 6, "REDPACKET_BROKER_URL is a folder of this machine."
    if not settings.REDIS_URL:
        yield 7, "REDPACKET_REDIS_URL is missing: each process would throttle for itself."
    for name in ("REDPACKET_JWT_ISS", "REDPACKET_JWT_AUD"):
        if not getattr(settings, name):
            yield 8, f"{name} is missing: tokens for other services would be accepted here."
    if not settings.REDPACKET_PROXY_IP_HEADER:
        yield 9, "REDPACKET_PROXY_IP_HEADER is missing: everybody has the proxy's address."
    for key in load_keys(settings.REDPACKET_JWT_KEYS, ""):
        if isinstance(key.key, rsa.RSAPublicKey) and key.key.key_size < RSA_BITS_MIN:
            yield 10, f"REDPACKET_JWT_KEYS holds an RSA key of {key.key.key_size} bits."
    if not settings.REDPACKET_SERVICE_FROM:
        yield (
            11,
            "REDPACKET_SERVICE_FROM is missing: a stolen service key would open from anywhere.",
        )
    if settings.REDPACKET_MEMBERS_URL and not service_keys.shown():
        yield 12, "REDPACKET_SERVICE_KEY has no key for members to show REDPACKET_MEMBERS_URL."
    for says in _of_redis():
        yield 13, f"REDPACKET_REDIS_URL: {says}."


def _of_redis() -> Iterator[str]:
    """Nothing when it does not answer: readiness tells that."""
    try:
        found = redis.memory()
    except redis.Down:
        return
    for memory in found:
        if not memory["maxmemory"]:
            yield "maxmemory is not set: it grows until the machine kills it"
        if memory["maxmemory_policy"].startswith("allkeys-"):
            yield f"{memory['maxmemory_policy']} throws tasks away; take a volatile-... policy"


def _secrets() -> list[tuple[str, str]]:
    keys = service_keys.secrets_of(settings.REDPACKET_SERVICE_KEY)
    sealing = listed(settings.REDPACKET_SEAL_KEY)
    return [
        ("SECRET_KEY", settings.SECRET_KEY),
        *((f"REDPACKET_SERVICE_KEY (key {n})", key) for n, key in enumerate(keys, start=1)),
        *((f"REDPACKET_SEAL_KEY (key {n})", key) for n, key in enumerate(sealing, start=1)),
    ]
