"""Read a channel's daily bill (对账单) by the channel's own rules. Pure; amounts in yuan.

A bill is judged row by row: what cannot be read is a row that is odd, with its file and line, and
spoils no other. Nothing is held but the row at hand: a bill may have a million of them.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from kit.money import ZERO
from payments import sayings
from payments.bills import alipay, unionpay, wechat
from payments.bills.files import Unreadable, opened
from payments.bills.rows import ZONE, BillRow, WrongTotal
from payments.states import PayType

__all__ = ["ZONE", "BillRow", "Statement", "Unreadable", "WrongTotal"]

READERS = {PayType.ALIPAY: alipay, PayType.WECHAT: wechat, PayType.UNIONPAY: unionpay}
# Where a channel's day ends, in its own time. UnionPay settles what comes after 23:00 tomorrow.
ENDS = {PayType.UNIONPAY: time(23)}
USUAL = time(10, 30)  # on the next day; the channels promise ten o'clock
MONEY_MAX = Decimal("99999999999.99")  # payments and refunds; what a column of ours holds
ODD_MAX = 1000  # each is a case; a file with more of them is not this channel's bill


def bounds(pay_type: PayType, day: date) -> tuple[datetime, datetime]:
    """From when until when money moved that stands in the bill of this day."""
    cut = ENDS.get(pay_type)
    begin = datetime.combine(day - timedelta(days=1) if cut else day, cut or time(), ZONE)
    return begin, begin + timedelta(days=1)


def day_of(pay_type: PayType, at: datetime) -> date:
    """In the bill of which day this moment stands."""
    cut = ENDS.get(pay_type)
    local = at.astimezone(ZONE)
    return local.date() + timedelta(days=1) if cut and local.time() >= cut else local.date()


def usual(day: date) -> datetime:
    """From when on this day's bill is there, on a usual day."""
    return datetime.combine(day + timedelta(days=1), USUAL, ZONE)


class Statement:
    """A bill file that is being read, or one of each merchant's: its rows once, and then what its
    own totals say against."""

    def __init__(self, pay_type: PayType, content: bytes | list[bytes], day: date) -> None:
        self.wrong_totals: list[WrongTotal] = []
        self._pay_type, self._day = pay_type, day
        self._contents = [content] if isinstance(content, bytes) else content
        self._names = Counter[str]()

    def __iter__(self) -> Iterator[BillRow]:
        """Raises Unreadable: not packed as it says, larger than any bill, or not this channel's."""
        found, money = 0, ZERO
        for content in self._contents:
            for row in self._rows(content):
                found += bool(row.odd)
                money += row.amount
                if found > ODD_MAX:
                    raise Unreadable(f"{row.where}: {sayings.MANY_ODD % {'rows': ODD_MAX}}")
                if money > MONEY_MAX:
                    raise Unreadable(f"{row.where}: {sayings.MUCH_MONEY % {'amount': MONEY_MAX}}")
                yield row

    def _rows(self, content: bytes) -> Iterator[BillRow]:
        reader, read = READERS[self._pay_type], 0
        for file in opened(content, reader.is_detail):
            read += 1
            file.name = self._name(file.name)
            try:
                for item in reader.rows(file, self._day):
                    if isinstance(item, BillRow):
                        yield item
                    else:
                        self.wrong_totals.append(item)
            except Unreadable as error:
                says = ", ".join(filter(None, (file.name, str(error))))
                raise Unreadable(says) from error
        if not read:
            raise Unreadable(sayings.NO_FILE)

    def _name(self, name: str) -> str:
        """Which file it is, though another one, or another merchant's bill, is called the same:
        where a row stands is what its case goes by."""
        self._names[name] += 1
        return name if self._names[name] == 1 else f"{name} ({self._names[name]})".strip()


def read(pay_type: PayType, content: bytes, day: date) -> list[BillRow]:
    """All rows of a bill at once, for small ones. Raises Unreadable."""
    return list(Statement(pay_type, content, day))
