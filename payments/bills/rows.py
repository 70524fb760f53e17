"""What a row of a bill comes to, and how its values are read."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

from kit.money import ZERO
from kit.plumbing import texts
from payments import sayings

ZONE = ZoneInfo("Asia/Shanghai")  # bills are written in the channels' time, whatever ours is
SURPLUS_MAX = 200  # so many separators too many are no name any more
SHOWN = 120  # of an odd row's text

_YUAN = re.compile(r"-?[0-9]{1,10}(\.[0-9]{1,2})?")  # what a column of money holds at the most
_TIME = re.compile(rb"\s*[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}\s*")
_MONEY = re.compile(rb"\s*-?[0-9]+(\.[0-9]+)?\s*")


class Odd(Exception):
    """This row cannot be judged; says why."""


class Back(StrEnum):
    """What a refund's row says of the money."""

    DONE = "done"
    PROCESSING = "processing"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class BillRow:
    """One payment, or one refund when `refund_no` is set: the trade's number if it has none of its
    own. `odd` says why a row cannot be judged; then nothing else of it counts."""

    line: int
    order_no: str
    trade_no: str
    refund_no: str
    amount: Decimal
    at: datetime | None
    back: Back = Back.DONE
    odd: str = ""
    file: str = ""

    @property
    def where(self) -> str:
        return where(self.file, self.line)


@dataclass(frozen=True, slots=True)
class WrongTotal:
    """The bill's own line of totals does not fit its rows."""

    line: int
    says: str
    file: str = ""

    @property
    def where(self) -> str:
        return where(self.file, self.line)


def where(file: str, line: int) -> str:
    return ", ".join(filter(None, (file, sayings.LINE % {"line": line} if line else "")))


def odd(file: str, line: int, why: object, raw: bytes, encoding: str) -> BillRow:
    shown = texts.seen(text(raw[: 2 * SHOWN], encoding))[:SHOWN]
    return BillRow(line, "", "", "", ZERO, None, odd=f"{why}: {shown}", file=file)


def text(raw: bytes, encoding: str) -> str:
    """Half characters and strange bytes stay visible, and spoil nothing."""
    return raw.decode(encoding, "backslashreplace").strip()


def yuan(raw: str) -> Decimal:
    if not _YUAN.fullmatch(raw):
        raise Odd(sayings.NO_AMOUNT % {"value": repr(raw[:32])})
    return Decimal(raw).quantize(Decimal("0.01")) + ZERO  # -0.00 is nothing, too


def moment(raw: str) -> datetime | None:
    try:
        return datetime.fromisoformat(raw).replace(tzinfo=ZONE) if raw else None
    except ValueError:
        raise Odd(sayings.NO_TIME % {"value": repr(raw[:32])}) from None


class Columns:
    """Where the values of a row stand, though free text among them holds the separator.

    Nothing is quoted in these files. A row with more pieces than the list has columns is laid out
    in every way that fits: times and amounts take one piece of their shape, free text takes any
    number. A value that is the same in all of them is certain; else the row is odd.
    """

    def __init__(self, names: list[str], free: Sequence[str]) -> None:
        self.names = names
        self._shapes = [None if name in free else _shape(name) for name in names]

    def __len__(self) -> int:
        return len(self.names)

    def place(self, *beginnings: str) -> int:
        """The first column of one of these names; raises KeyError."""
        for beginning in beginnings:
            for place, name in enumerate(self.names):
                if name.startswith(beginning):
                    return place
        raise KeyError(beginnings[0])

    def pick(self, pieces: list[bytes], wanted: Sequence[int]) -> list[bytes]:
        """The wanted columns' values; raises Odd."""
        surplus = len(pieces) - len(self.names)
        if surplus == 0:
            return [pieces[place] for place in wanted]
        if surplus < 0:
            raise Odd(sayings.FEW_COLUMNS % self._of(pieces))
        if surplus > SURPLUS_MAX:
            raise Odd(sayings.MANY_COLUMNS % self._of(pieces))
        starts = self._starts(pieces, surplus)
        values = [{pieces[start] for start in starts[place]} for place in wanted]
        if any(len(found) != 1 for found in values):
            raise Odd(sayings.IN_DOUBT)
        return [found.pop() for found in values]

    def _of(self, pieces: list[bytes]) -> dict[str, int]:
        return {"found": len(pieces), "wanted": len(self.names)}

    def _starts(self, pieces: list[bytes], surplus: int) -> list[set[int]]:
        """For each column the pieces that it begins at, in some layout that fits to the end."""
        reached: list[set[int]] = [{0}]
        for place, shape in enumerate(self._shapes):
            last = place + surplus + 1
            reached.append(set())
            for start in reached[place]:
                if shape is None:
                    reached[-1].update(range(start + 1, last + 1))
                elif shape.fullmatch(pieces[start]):
                    reached[-1].add(start + 1)
        starts: list[set[int]] = []
        goal = {len(pieces)} & reached[-1]
        for shape, begun in zip(reversed(self._shapes), reversed(reached[:-1]), strict=True):
            goal = {start for start in begun if _leads(shape, pieces, start, goal)}
            starts.append(goal)
        return starts[::-1]


def _leads(
    shape: re.Pattern[bytes] | None, pieces: list[bytes], start: int, goal: set[int]
) -> bool:
    """Whether a column that begins here can end where the next one begins."""
    if shape is None:
        return any(end > start for end in goal)
    return start + 1 in goal and bool(shape.fullmatch(pieces[start]))


_ANY = re.compile(rb".*", re.DOTALL)


def _shape(name: str) -> re.Pattern[bytes]:
    if "时间" in name:
        return _TIME
    return _MONEY if "金额" in name or "（元）" in name or "手续费" in name else _ANY
