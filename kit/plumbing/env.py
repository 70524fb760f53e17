"""Typed reading of the environment; a value that makes no sense stops the start with one line.

Pure: knows no setting by name, and of Django only the exception it raises.
"""

import math
import os
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.exceptions import ImproperlyConfigured

from kit.plumbing import filebroker, redis_urls

SECRET_BITS = 100  # 32 random hex digits have some 115 by their frequencies


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def word(name: str, default: str, allowed: tuple[str, ...]) -> str:
    value = text(name, default)
    if value not in allowed:
        raise ImproperlyConfigured(f"{name} is {value!r}; it must be one of {', '.join(allowed)}.")
    return value


def switch(name: str, default: bool) -> bool:
    return word(name, "on" if default else "off", ("on", "off")) == "on"


def integer(name: str, default: int, least: int, most: int) -> int:
    value = text(name, str(default))
    if not (value.isascii() and value.isdigit() and least <= int(value) <= most):
        raise ImproperlyConfigured(
            f"{name} is {value!r}; it must be a whole number from {least} to {most}."
        )
    return int(value)


def amount(name: str, default: str, least: str, most: str) -> Decimal:
    """Yuan with at most two places."""
    value = text(name, default)
    whole, _, cents = value.partition(".")
    plain = whole.isascii() and whole.isdigit() and len(whole) <= 9
    if not plain or (cents and not (cents.isascii() and cents.isdigit() and len(cents) <= 2)):
        raise ImproperlyConfigured(f"{name} is {value!r}; it must be an amount such as 200.00.")
    if not Decimal(least) <= Decimal(value) <= Decimal(most):
        raise ImproperlyConfigured(f"{name} is {value!r}; it must be from {least} to {most}.")
    return Decimal(value).quantize(Decimal("0.01"))


def path(name: str, default: Path) -> Path:
    return Path(text(name, str(default))).expanduser().absolute()


def url(name: str, default: str, schemes: tuple[str, ...]) -> str:
    """A URL of one of these schemes, or nothing."""
    value = text(name, default)
    if value:
        parts = _split(name, value)
        if parts.scheme not in schemes or not (parts.netloc or parts.path.strip("/")):
            allowed = ", ".join(f"{scheme}://" for scheme in schemes)
            raise ImproperlyConfigured(f"{name} is no URL that starts with {allowed}.")
    return value


def redis(name: str) -> str:
    """A URL of one Redis, or of several (kit/plumbing/redis_urls.py), or nothing."""
    value = text(name)
    try:
        if redis_urls.several(value):
            return value
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {error}.") from None
    return url(name, "", ("redis", "rediss", "unix"))


def broker(name: str, redis_url: str) -> tuple[str, dict]:
    """Celery's broker and what its transport must know; none named: that Redis, or files."""
    value = text(name)
    try:
        found, told = redis_urls.broker_of(value or redis_url)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {error}.") from None
    if found or not (value or redis_url):
        return found or f"{filebroker.SCHEME}://localhost", told
    raise ImproperlyConfigured(
        f"{name} must name another broker: Celery takes no Redis Cluster for one."
    )


def zone(name: str, default: str) -> str:
    value = text(name, default)
    try:
        ZoneInfo(value)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise ImproperlyConfigured(
            f"{name} is {value!r}; it must be a time zone such as Asia/Shanghai."
        ) from None
    return value


def _split(name: str, value: str) -> SplitResult:
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        # The value is not repeated: it may hold a password.
        raise ImproperlyConfigured(f"{name} is no URL that can be read.") from None
    return parts


def names(name: str, default: str) -> list[str]:
    return listed(text(name, default))


def listed(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]


_ORIGIN = re.compile(r"https?://([a-z0-9-]+(\.[a-z0-9-]+)*|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")


def origins(name: str, schemes: tuple[str, ...]) -> list[str]:
    """`https://host[:port]`, with commas between them, each as a browser spells it."""
    found = [part.lower() for part in names(name, "")]
    for part in found:
        _split(name, part)
        if not _ORIGIN.fullmatch(part) or part.partition(":")[0] not in schemes:
            wanted = " or ".join(f"{scheme}://host[:port]" for scheme in schemes)
            raise ImproperlyConfigured(f"{name} is {part!r}; it must hold origins, {wanted}.")
    return [re.sub(r"(^https://.*):443$|(^http://.*):80$", r"\1\2", part) for part in found]


def header(name: str) -> str:
    """An HTTP header by its usual name, as WSGI spells it; empty when not set."""
    value = text(name)
    if value and not all(part.isalnum() and part.isascii() for part in value.split("-")):
        raise ImproperlyConfigured(f"{name} is {value!r}; it must be a header such as X-Real-IP.")
    return f"HTTP_{value.upper().replace('-', '_')}" if value else ""


def networks(name: str) -> list[IPv4Network | IPv6Network]:
    """Addresses and networks, with commas between them."""
    try:
        return [ip_network(part) for part in names(name, "")]
    except ValueError as error:
        raise ImproperlyConfigured(
            f"{name}: {error}; it must hold addresses or networks such as 10.0.0.0/8."
        ) from None


def secret(
    name: str,
    kept_in: Path,
    *,
    production: bool,
    parts: Callable[[str], list[str]] = lambda value: [value],
) -> str:
    """A secret from the environment or, in development, from a file that the first start makes.

    There is no third source: without a secret of its own nothing starts, and production accepts
    neither a file nor a weak value. `parts`: the secrets in a value that holds several.
    """
    value = text(name)
    for part in (parts(value) or [""]) if production else []:
        if why := weakness(part):
            raise ImproperlyConfigured(
                f"{name} must be set to a random value in production: {why}."
            )
    return value or _kept(name, kept_in)


def weakness(secret: str) -> str:
    """Why somebody could guess it; empty when nothing speaks for that.

    >>> weakness("abcdefghijklmnop" * 3)
    'a part of it is repeated'
    """
    if len(secret) < 32:
        return "it has under 32 characters"
    if secret in (secret * 2)[1:-1]:
        return "a part of it is repeated"
    counts = [secret.count(character) for character in set(secret)]
    bits = -sum(count * math.log2(count / len(secret)) for count in counts)
    return "it has too little variety" if bits < SECRET_BITS else ""


def _kept(name: str, path: Path) -> str:
    """The secret of this data folder, made once: of processes that start together one makes it."""
    try:
        if not path.is_file():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            half = path.with_name(f".{path.name}.{os.getpid()}")
            half.touch(mode=0o600)
            half.write_text(secrets.token_urlsafe(48))
            with suppress(FileExistsError):
                os.link(half, path)
            half.unlink()
        value = path.read_text().strip()
    except OSError as error:
        raise ImproperlyConfigured(
            f"{name} is not set and {path} cannot be kept ({error.strerror})."
        ) from None
    if not value:
        raise ImproperlyConfigured(f"{name} is not set and {path} is empty.")
    return value


# What only reads would stay for ever at a primary that has become a replica.
CONNECTION_AGE_S = 300
# By the scheme of the URL, and how its sessions are told to wait 3 s for a lock; 5 s for a table,
# as an ALTER that waits has everybody wait behind it, a day long by default.
ENGINES = {
    "mysql": ("kit.plumbing.mysql", "innodb_lock_wait_timeout=3, lock_wait_timeout=5"),
    "oceanbase": (
        "kit.plumbing.mysql.oceanbase",
        "ob_trx_lock_timeout=3000000, ob_query_timeout=30000000",
    ),
}


def database(name: str, default: str) -> dict:
    """`sqlite:////file` or `mysql://user:password@host:port/name?unix_socket=/path` for Django."""
    url = _split(name, text(name, default))
    if url.scheme == "sqlite" and not url.netloc and url.path.strip("/"):
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": unquote(url.path)[1:],
            "CONN_MAX_AGE": None,
            # IMMEDIATE takes the write lock at BEGIN: waiting in line instead of failing half-way.
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            },
        }
    if url.scheme in ENGINES:
        given, database_name = dict(parse_qsl(url.query)), url.path.strip("/")
        engine, lock_wait = ENGINES[url.scheme]
        options = {
            "charset": "utf8mb4",
            "isolation_level": "read committed",
            # A grab gives up before the second settlement pass looks (3 s < 5 s).
            "init_command": f"SET SESSION {lock_wait}, sql_mode='STRICT_TRANS_TABLES,"
            "ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'",
            "connect_timeout": 3,
            "read_timeout": 30,
            "write_timeout": 30,
            **given,
        }
        if not database_name or "/" in database_name:
            raise ImproperlyConfigured(f"{name} names no database: mysql://user@host/NAME.")
        if set(given) - {"unix_socket"}:
            raise ImproperlyConfigured(f"{name} takes no option but unix_socket.")
        return {
            "ENGINE": engine,
            "NAME": database_name,
            "USER": unquote(url.username or ""),
            "PASSWORD": unquote(url.password or ""),
            "HOST": url.hostname or "",
            "PORT": url.port or "",
            "CONN_MAX_AGE": CONNECTION_AGE_S,
            "OPTIONS": options,
            "TEST": {"CHARSET": "utf8mb4"},
        }
    raise ImproperlyConfigured(
        f"{name} must be sqlite:////FILE, mysql://user@host/NAME or oceanbase://..."
    )


def replica(name: str, primary: dict) -> dict:
    """A follower of that database; tests have no second one, and meet the first."""
    found = database(name, "")
    if found["ENGINE"] != primary["ENGINE"] or "sqlite3" in found["ENGINE"]:
        raise ImproperlyConfigured(f"{name} must be a replica of REDPACKET_DATABASE_URL, alike.")
    return {**found, "TEST": {"MIRROR": "default"}}
