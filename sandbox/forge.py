"""What is done to a notification on demand, before and after it is signed (docs/sandbox.md).

wrong_key, unsigned, stale, signtest, wrong_serial, wrong_aes      by name
say:NAME=VALUE                                             before signing: genuine, but another
set:NAME=VALUE, drop:NAME, double:NAME                     after signing
"""

import functools

from cryptography.hazmat.primitives.asymmetric import rsa

NAMES = ("wrong_key", "unsigned", "stale", "signtest", "wrong_serial", "wrong_aes")
VERBS = ("say", "set", "drop", "double")


class BadForgery(ValueError):
    pass


def check(forge: list) -> list[str]:
    for word in forge:
        verb, _, rest = str(word).partition(":")
        if word not in NAMES and not (verb in VERBS and rest):
            raise BadForgery(f"unknown forgery {word!r}")
    return [str(word) for word in forge]


def said(fields: dict, forge: list[str]) -> dict:
    """The fields to sign. A dotted name goes into a nested object."""
    return _put(fields, forge, "say")


def changed(fields: dict, forge: list[str]) -> dict:
    """The fields as they are sent, after the signature was made."""
    result = _put(fields, forge, "set")
    for name in _names(forge, "drop"):
        *path, last = name.split(".")
        inner = result
        for part in path:
            inner = inner.get(part, {})
        inner.pop(last, None)
    return result


def sent(fields: dict, forge: list[str]) -> list[tuple[str, str]]:
    """The same as a form, which may bear a name twice."""
    fields = changed(fields, forge)
    again = ((name, fields[name]) for name in doubled(forge) if name in fields)
    return [*fields.items(), *again]


def doubled(forge: list[str]) -> list[str]:
    return _names(forge, "double")


@functools.cache
def foreign_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _put(fields: dict, forge: list[str], verb: str) -> dict:
    result = {
        key: dict(value) if isinstance(value, dict) else value for key, value in fields.items()
    }
    for rest in _names(forge, verb):
        name, _, value = rest.partition("=")
        *path, last = name.split(".")
        inner = result
        for part in path:
            inner = inner.setdefault(part, {})
        inner[last] = int(value) if isinstance(inner.get(last), int) and value.isdigit() else value
    return result


def _names(forge: list[str], verb: str) -> list[str]:
    return [word.partition(":")[2] for word in forge if word.startswith(f"{verb}:")]
