"""The chat server's keys: several at once, so that one can follow another, each with its scope.

`REDPACKET_SERVICE_KEY` holds them with commas between: `KEY`, `members:KEY`, `events:KEY`.
"""

import hmac
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

MEMBERS = "members"  # who is in which group, and how people are called
EVENTS = "events"  # what happened
SCOPES = frozenset({MEMBERS, EVENTS})


@dataclass(frozen=True, slots=True)
class ServiceKey:
    secret: str = field(repr=False)
    scopes: frozenset[str]

    @property
    def digest(self) -> bytes:
        return sha256(self.secret.encode()).digest()


@lru_cache(maxsize=8)
def parse(text: str) -> tuple[ServiceKey, ...]:
    """
    >>> [sorted(key.scopes) for key in parse("k1, members:k2,events:k3")]
    [['events', 'members'], ['members'], ['events']]
    """
    words = [word.strip() for word in text.split(",")]
    return tuple(_parsed(number, word) for number, word in enumerate(words, start=1) if word)


def _parsed(number: int, word: str) -> ServiceKey:
    scope, colon, secret = word.partition(":")
    if not colon:
        return ServiceKey(word, SCOPES)
    if scope not in SCOPES or not secret:  # neither is repeated: both may be part of a secret
        raise ImproperlyConfigured(
            f"REDPACKET_SERVICE_KEY: what stands before the colon of key {number} is neither"
            f" {MEMBERS} nor {EVENTS}, or nothing stands behind it."
        )
    return ServiceKey(secret, frozenset({scope}))


def secrets_of(text: str) -> list[str]:
    return [key.secret for key in parse(text)]


def scopes_of(token: str) -> frozenset[str]:
    """What this key is for; empty when it is none. A near miss takes as long as any other."""
    given = sha256(token.encode()).digest()
    scopes = frozenset[str]()
    for key in parse(settings.REDPACKET_SERVICE_KEY):
        if hmac.compare_digest(given, key.digest):
            scopes |= key.scopes
    return scopes


def shown() -> str:
    """What we show the chat server's own membership service: the first key for members."""
    keys = parse(settings.REDPACKET_SERVICE_KEY)
    return next((key.secret for key in keys if MEMBERS in key.scopes), "")
