"""What somebody can have meant by what he typed, scanned or pasted into the box."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property

from kit import clock

MOST = 128  # characters; longer than any id or number that we know
A_PART = 4  # characters of a number
A_NUMBER = 10  # characters; shorter ones behind Chinese may well be a name's end

_LABEL = re.compile(r"^[:#.\-]+")
_YUAN = re.compile(r"[¥$]?(\d{1,3}(?:,\d{3})+|\d{1,11})(\.\d{1,2})?(?:元|yuan|rmb|cny)?", re.I)
_DAY = re.compile(r"(?:(\d{4})[-/.年])?(\d{1,2})[-/.月](\d{1,2})日?")
_AGO = {"今天": 0, "today": 0, "昨天": 1, "yesterday": 1, "前天": 2}


def words(text: str) -> list[str]:
    """The ids and numbers that it can be; the likeliest first.

    >>> words(" ｒｐ_ab\\u200b12\\n")
    ['rp_ab12']
    >>> words("订单号：PK12"), words("小a")
    (['PK12', 'pk12'], [])
    """
    folded = unicodedata.normalize("NFKC", text[: 8 * MOST])
    shown = "".join(c for c in folded if unicodedata.category(c)[0] not in "ZC")
    plain = shown if shown.isascii() else "".join(c for c in shown if c.isascii())
    if plain != shown and not _is_labelled(folded, plain):
        return []
    exact = (_LABEL.sub("", plain) if plain != shown else plain.removeprefix("#"))[:MOST]
    return list(dict.fromkeys(word for word in (exact, exact.lower()) if word))


def _is_labelled(folded: str, plain: str) -> bool:
    """Whether the Chinese in it is a label before a number rather than a name that ends in it."""
    return len(plain) >= A_NUMBER or bool(re.match(r"^\W*[^\x00-\x7f]+\s*[:#\s]", folded))


def within(day: date) -> date:
    """The same day, or ValueError: years at the ends of the calendar overflow."""
    if not 2000 <= day.year < 3000:
        raise ValueError(day)
    return day


@dataclass(frozen=True)
class Typed:
    """All of it, as somebody would read it: one space between words, nothing that is not seen."""

    text: str

    @classmethod
    def of(cls, text: str) -> "Typed | None":
        folded = unicodedata.normalize("NFKC", text[: 8 * MOST])
        seen = "".join(" " if c.isspace() else c for c in folded)
        seen = "".join(c for c in seen if c == " " or unicodedata.category(c)[0] not in "ZC")
        seen = " ".join(seen.split())[:MOST]
        return cls(seen) if seen else None

    @property
    def head(self) -> str:
        """Its first word."""
        return self.text.partition(" ")[0]

    @property
    def rest(self) -> str:
        """What stands behind the first word."""
        return self.text.partition(" ")[2]

    @cached_property
    def part(self) -> str:
        """A part of a number; empty when it can be none."""
        return self.begun if len(self.begun) >= A_PART else ""

    @cached_property
    def begun(self) -> str:
        """The beginning of an id, which is found by fewer letters than what may stand anywhere."""
        word = self.text.replace(" ", "")
        return word if re.fullmatch(r"[A-Za-z0-9_.:@/-]{2,64}", word) else ""

    @cached_property
    def amount(self) -> Decimal | None:
        """The amount, where all but a day is one.

        >>> Typed("88.88元 昨天").amount, Typed("1,000 5月1日").amount, Typed("a 1").amount
        (Decimal('88.88'), Decimal('1000'), None)
        """
        left = [word for word in self.text.split(" ") if self._day_of(word) is None]
        found = _YUAN.fullmatch("".join(left)) if left else None
        return Decimal(found[1].replace(",", "") + (found[2] or "")) if found else None

    @cached_property
    def day(self) -> date | None:
        return next((day for w in self.text.split(" ") if (day := self._day_of(w))), None)

    @staticmethod
    def _day_of(word: str) -> date | None:
        today = clock.today()
        if word.lower() in _AGO:
            return today - timedelta(days=_AGO[word.lower()])
        # "8.88" is an amount, "8.8.2026" nothing: a point parts a day only behind a year.
        found = _DAY.fullmatch(word)
        if not found or ("." in word and not found[1]):
            return None
        try:
            day = within(date(int(found[1] or today.year), int(found[2]), int(found[3])))
        except ValueError:
            return None
        is_next_year = not found[1] and day > today
        return day.replace(year=day.year - 1) if is_next_year and day.day < 29 else day
