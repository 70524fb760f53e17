"""What the three protocols have in common: forms and JSON read without mercy, RSA signatures over
raw bytes, amounts, numbers and the clock of Shanghai.

Whatever is hostile, broken or doubled raises Malformed and nothing else.
"""

import base64
import binascii
import json
import re
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, cast
from urllib.parse import unquote_to_bytes
from zoneinfo import ZoneInfo

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256, HashAlgorithm

from kit import clock, money
from kit.present import present
from payments.channels import base
from payments.models import PaymentOrder

SHANGHAI = ZoneInfo("Asia/Shanghai")
DASHED = "%Y-%m-%d %H:%M:%S"  # Alipay
COMPACT = "%Y%m%d%H%M%S"  # UnionPay
FIELDS_MAX = 200
UNTITLED = "红包"
# After its time-out an order can no longer be begun, but a payment begun before may still be under
# way at the channel for a little while.
TIMEOUT_SLACK = timedelta(minutes=5)

_YUAN = re.compile(r"(0|[1-9][0-9]{0,9})(\.[0-9]{1,2})?")
_FEN = re.compile(r"[1-9][0-9]{0,11}|0")
_NUMBER = re.compile(r"[!-~]{1,64}")
_SPACE = re.compile(r"[ \t\r\n]*")


class Malformed(Exception):
    """Not what the protocol says; the reason is for the log."""


@contextmanager
def malformed_is(refusal: type[Exception], where: str = "") -> Iterator[None]:
    """Around what reads a message: whatever is malformed in it is raised as this. Half characters
    are, too, wherever they are met."""
    try:
        yield
    except (Malformed, UnicodeEncodeError) as error:
        raise refusal(f"{where}{error}") from error


# --- Forms and JSON -----------------------------------------------------------------------------
def form(body: bytes) -> dict[bytes, bytes]:
    """The fields of a URL-encoded body, as bytes; blanks kept, repeated names refused.

    >>> form(b"a=1&b=")
    {b'a': b'1', b'b': b''}
    """
    pairs = []
    for part in body.split(b"&", FIELDS_MAX):
        name, equals, value = part.replace(b"+", b" ").partition(b"=")
        if not name or not equals:
            raise Malformed("not a form")
        pairs.append((unquote_to_bytes(name), unquote_to_bytes(value)))
    if len(pairs) > FIELDS_MAX:
        raise Malformed("too many fields")
    return once(pairs)


def once(pairs: list[tuple]) -> dict:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Malformed("a name is there twice")
    return fields


def texts(fields: dict[bytes, bytes]) -> dict[str, str]:
    """Strictly in UTF-8."""
    try:
        return {name.decode(): value.decode() for name, value in fields.items()}
    except UnicodeDecodeError as error:
        raise Malformed("not UTF-8") from error


def sorted_pairs(fields: dict[bytes, bytes], *left_out: bytes) -> bytes:
    """What Alipay and UnionPay sign: `name=value` in the names' order, joined by `&`.

    >>> sorted_pairs({b"b": b"2", b"sign": b"x", b"a": b"1"}, b"sign")
    b'a=1&b=2'
    """
    return b"&".join(name + b"=" + fields[name] for name in sorted(fields) if name not in left_out)


def json_object(text: bytes | str) -> dict[str, Any]:
    """A JSON object; repeated names, NaN, deep nesting and endless numbers are refused."""
    try:
        found = json.loads(text, object_pairs_hook=once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Malformed("not JSON") from error
    if not isinstance(found, dict):
        raise Malformed("not a JSON object")
    return found


def json_members(text: str) -> dict[str, str]:
    """The members of a JSON object, each value as it is written: signatures cover that text.

    >>> json_members('{"a_response": {"x":1.0},"sign":"s"}')
    {'a_response': '{"x":1.0}', 'sign': '"s"'}
    """
    json_object(text)  # so that below only well-formed text is cut
    decoder = json.JSONDecoder()
    members = {}
    at = _skip(text, _skip(text, 0) + 1)
    while text[at] != "}":
        name, at = decoder.raw_decode(text, at)
        start = _skip(text, _skip(text, at) + 1)
        _, at = decoder.raw_decode(text, start)
        members[name] = text[start:at]
        at = _skip(text, at)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return members


def _skip(text: str, at: int) -> int:
    return present(_SPACE.match(text, at)).end()


def _no_constant(word: str) -> None:
    raise Malformed(f"{word} is no JSON")


# --- Signatures ---------------------------------------------------------------------------------
def sign(key: RSAPrivateKey, message: bytes) -> str:
    """SHA256withRSA in base64, as all three want it."""
    return base64.b64encode(key.sign(message, PKCS1v15(), SHA256())).decode()


def is_signed(
    key: RSAPublicKey, message: bytes, signature: str, algorithm: HashAlgorithm | None = None
) -> bool:
    """Whether the base64 signature is the key's own over exactly these bytes."""
    try:
        key.verify(from_base64(signature), message, PKCS1v15(), algorithm or SHA256())
    except (InvalidSignature, Malformed):
        return False
    return True


def from_base64(text: str) -> bytes:
    """Strictly: the one spelling of these bytes, or Malformed."""
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed("not base64") from error
    if base64.b64encode(decoded).decode() != text:
        raise Malformed("not base64 to the letter")
    return decoded


# --- Values -------------------------------------------------------------------------------------
def words(text: str, most: int) -> str:
    """A text for people, so that every channel takes it: at most that many UTF-16 units, in which
    all three count; nothing that steers a screen (control, direction, half a character), nothing
    that parts a form (`/ = &` are forbidden to Alipay's titles), no runs of blanks.

    >>> words("a/b=c&d\\u202e\\n  e\\ud800", 32)
    'a b c d e'
    >>> words("红包🧧🧧", 5)  # a pair is never cut in two
    '红包🧧'
    """
    kept = (" " if char in "/=&" or char.isspace() else char for char in text if _is_shown(char))
    clean = " ".join("".join(kept).split())
    cut = clean.encode("utf-16-le")[: 2 * most].decode("utf-16-le", "ignore").rstrip()
    return cut or UNTITLED


def _is_shown(char: str) -> bool:
    return char.isspace() or unicodedata.category(char)[0] != "C"


def yuan(value: object) -> Decimal:
    """A positive amount in yuan, from a string.

    >>> yuan("5"), yuan("12.3")
    (Decimal('5.00'), Decimal('12.30'))
    """
    if not isinstance(value, str) or not _YUAN.fullmatch(value) or not Decimal(value):
        raise Malformed("not an amount in yuan")
    return money.yuan(value)


def fen(value: object) -> Decimal:
    """A positive amount in fen, from a string of digits or a JSON integer, in yuan."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if 0 < value < 10**12 else ""
    if not isinstance(value, str) or not _FEN.fullmatch(value) or value == "0":
        raise Malformed("not an amount in fen")
    return money.from_fen(int(value))


def number(value: object) -> str:
    """An order, trade or refund number: printable ASCII, at most 64."""
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        raise Malformed("not a number of an order or a trade")
    return value


def local(moment: datetime, shape: str) -> str:
    """A moment on Shanghai's clock, which all channels read."""
    return moment.astimezone(SHANGHAI).strftime(shape)


def moment(value: object, shape: str) -> datetime | None:
    """A moment that was written on Shanghai's clock; None when it is none: money comes first."""
    try:
        return _sane(datetime.strptime(cast("str", value), shape).replace(tzinfo=SHANGHAI))
    except (TypeError, ValueError):
        return None


def instant(value: object) -> datetime | None:
    """An RFC 3339 moment with its offset; None when it is none."""
    try:
        found = datetime.fromisoformat(cast("str", value))
        return _sane(found.astimezone(SHANGHAI)) if found.tzinfo else None
    except (TypeError, ValueError, OverflowError):
        return None


def _sane(moment: datetime) -> datetime | None:
    """The year 1 overflows on its way into a database."""
    return moment if 2000 <= moment.year < 9999 else None


def is_timed_out(order: PaymentOrder) -> bool:
    """Whether the time-out that the channel was told has passed for good. The slack is never longer
    than the order's own life, so that short-lived orders end soon, too."""
    slack = min(TIMEOUT_SLACK, order.expire_time - order.add_time)
    return clock.now() > order.expire_time + slack


def closed_by_time(
    order: PaymentOrder, query: Callable[[PaymentOrder], base.Answer]
) -> base.Answer:
    """Of an order that the channel would not close: what it says of it; one that it does not know
    is closed once nobody can begin it any more."""
    is_over = is_timed_out(order)  # before the question, not after it
    found = query(order)
    if found.state != base.State.UNKNOWN:
        return found
    return base.Answer(base.State.CLOSED if is_over else base.State.PENDING, says=found.says)
