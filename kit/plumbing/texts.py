"""Texts that strangers write and people read: nothing in them may steer a screen or a reader.

A control character (ESC colours or empties a terminal), an override of the writing direction (a
text that reads backwards) and the two line ends that only some readers know. Marks that join
emoji, choose their look or tell a script's direction are part of honest texts, and stay.
"""

import re
import unicodedata
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

_LINES = "\t\n\r"
_STEERS = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069"
_IN_LINES = re.compile(f"[{_STEERS}]")
_IN_A_LINE = re.compile(f"[{_STEERS}{_LINES}]")
# What ends an address in a page or a style sheet, and a backslash, which browsers read as a slash.
_BREAKS = re.compile(rf"[{_STEERS}\s\"'<>\\`]")
_FILLERS = "\u115f\u1160\u3164\uffa0\u2800"
_UNSEEN = re.compile(f"[{_STEERS}\ud800-\udfff]")


def is_plain(text: str, *, lines: bool = False) -> bool:
    """Whether nothing in it steers; `lines`: it may have several lines.

    >>> is_plain("👨\\u200d👩\\u200d👧 恭喜"), is_plain("\\x1b[31m"), is_plain("\\u202e00.1")
    (True, False, False)
    >>> is_plain("a\\nb"), is_plain("a\\nb", lines=True)
    (False, True)
    """
    return not (_IN_LINES if lines else _IN_A_LINE).search(text)


def is_visible(text: str) -> bool:
    """Whether anything of it can be seen: not spaces, marks and fillers alone.

    >>> is_visible("\\u200b\\u2060\\u3164"), is_visible("\\u200b大卫")
    (False, True)
    """
    return any(
        unicodedata.category(character)[0] not in "CZ"
        and unicodedata.category(character) != "Mn"
        and character not in _FILLERS
        for character in text
    )


def validate_plain(text: str) -> None:
    """For forms and serializers: a text of one line."""
    if not is_plain(text):
        raise ValidationError(_("No control characters or reversed writing."), code="steers")


def validate_plain_lines(text: str) -> None:
    """For what people write in several lines, such as a reason."""
    if not is_plain(text, lines=True):
        raise ValidationError(_("No control characters or reversed writing."), code="steers")


def is_web_address(text: str) -> bool:
    """
    >>> is_web_address("https://img.example/a.png"), is_web_address("javascript:alert(1)")
    (True, False)
    """
    try:
        parts = urlsplit(text)
        found = parts.scheme in ("http", "https") and bool(parts.hostname)
        return found and parts.port != 0 and not _BREAKS.search(text)
    except ValueError:
        return False


def seen(text: str) -> str:
    """The same with everything that steers, and half characters, as their escapes, as JSON writes
    them: inside a JSON string it stays the same value.

    >>> seen("a\\x9bb\\u202ec")
    'a\\\\u009bb\\\\u202ec'
    """
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
