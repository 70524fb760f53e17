"""What is noted for people by a program: kept in the source's own words, told in the reader's.

A sentence is introduced once, filled in with `%` and kept as it reads; `told` knows it again by its
form. So a row of the database means the same to SQL, to a log and to readers of any language, and
what a person or a channel has written stays as it is.
"""

import re
from functools import cache

from django.utils import translation
from django.utils.translation import gettext

from kit.marks import mark

_PLACE = re.compile(r"%\((\w+)\)s")
_JOINT = re.compile(r"([,;:] )")
_sentences: dict[str, re.Pattern] = {}


def sentence(text: str) -> str:
    """Introduce a text of which people will read. All its places are `%(name)s`."""
    parts = _PLACE.split(text)
    fixed, names = parts[::2], parts[1::2]
    held = "".join(f"{re.escape(a)}(?P<{b}>.*?)" for a, b in zip(fixed, names, strict=False))
    _sentences[text] = re.compile(held + re.escape(fixed[-1]), re.DOTALL)
    _known.cache_clear()
    return text


def source(text: object) -> str:
    """A text of gettext as the source has it, whatever the language in force."""
    with translation.override(None):
        return str(text)


def told(kept: str) -> str:
    """What was kept, in the language of whoever reads it.

    >>> line = sentence("line %(line)s")
    >>> told("line 7"), told("somebody's own words")
    ('line 7', "somebody's own words")
    """
    if (said := _said(kept, is_short=True)) is not None:
        return said
    parts = _JOINT.split(kept, maxsplit=1)  # several of them, one after the other
    if len(parts) == 1:
        return kept
    head = _said(parts[0], is_short=True)
    if head is None and (said := _said(kept, is_short=False)) is not None:
        return said
    rest = told(parts[2])
    if head is None and rest == parts[2]:
        return kept
    return "".join([head or parts[0], mark(parts[1]), rest])


def _said(kept: str, *, is_short: bool) -> str | None:
    """By the sentence that it has the form of. A short one's places hold no joint: else "line 7"
    would take whatever follows it for its number."""
    for text, form in _known():
        values = (found := form.fullmatch(kept)) and found.groupdict()
        if values is not None and not (is_short and any(map(_JOINT.search, values.values()))):
            return gettext(text) % {name: told(value) for name, value in values.items()}
    return None


@cache
def _known() -> list[tuple[str, re.Pattern]]:
    """The most particular first: a sentence of places alone would take all."""
    return sorted(_sentences.items(), key=lambda item: -len(_PLACE.sub("", item[0])))
