"""What stands in a person's place once he is erased (office/erase.py), and under a seal from the
start, so that a seal holds before and after (docs/decisions/0069).

It is an HMAC by a key that the database does not have: nobody leads back from it who cannot guess
the word and has the key. It begins with a sign that no id of the chat platform has.
"""

import hmac
from base64 import b32encode
from functools import lru_cache
from hashlib import sha256

from kit.plumbing import quick
from kit.plumbing.env import listed

SIGN = "~"
LETTERS = 26  # 130 bits


def of(word: str) -> str:
    """The pseudonym of a word; one that is a pseudonym stays, and so does nothing at all."""
    return word if not word or is_one(word) else _made(quick.setting("REDPACKET_SEAL_KEY"), word)


def is_one(word: str) -> bool:
    return word.startswith(SIGN)


@lru_cache(maxsize=65536)
def _made(keys: str, word: str) -> str:
    """By the oldest key: it stays when new ones are written before it, as what it has sealed."""
    oldest = listed(keys)[-1]
    digest = hmac.new(b"pseudonyms " + oldest.encode(), word.encode(), sha256).digest()
    return SIGN + b32encode(digest).decode().lower()[:LETTERS]
