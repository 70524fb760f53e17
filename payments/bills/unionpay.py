"""UnionPay's bill: a ZM file of fixed widths in bytes; times without a year; amounts in fen."""

from collections.abc import Iterator
from datetime import date, datetime

from kit.money import from_fen
from payments import sayings
from payments.bills.files import File, Unreadable
from payments.bills.rows import ZONE, BillRow, Odd, WrongTotal, odd, text

# Widths of the columns, one space between two. The rest is reserved.
# fmt: off
WIDTHS = (
    3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13, 4, 15, 2, 2, 6, 2, 4, 32, 1, 21,
)
# fmt: on
_AT, _AMOUNT, _QUERY_ID, _ORDER, _TYPE, _ORIGINAL = 5, 7, 10, 12, 20, 27  # columns, from 1
ODD_MAX = 1000  # so many odd lines before the first good one: this is something else
_PAYMENT = "01"
_NO_MONEY = ("00", "02", "32")  # a question, an amount that is held, and one that is let go
_BACK = ("04", "31")  # a refund, and a payment that was revoked


def is_detail(name: str, head: bytes) -> bool:
    return "ZM_" in name


def rows(file: File, day: date) -> Iterator[BillRow | WrongTotal]:
    """The format has neither a head nor totals: a file without one good row is no bill."""
    held: list[BillRow] = []
    is_bill = False
    for number, line in file.lines:
        if not line.strip():
            continue
        try:
            row = _row(file.name, number, _columns(line), day)
        except Odd as error:
            held.append(odd(file.name, number, error, line, "gb18030"))
        else:
            is_bill = True
            held += [row] if row else []
        if is_bill or len(held) > ODD_MAX:
            _expect(is_bill, held)
            yield from held
            held = []
    _expect(is_bill, held)


def _expect(is_bill: bool, held: list[BillRow]) -> None:
    if held and not is_bill:
        raise Unreadable(f"{sayings.LINE % {'line': held[0].line}}: {held[0].odd}")


def _row(file: str, number: int, values: list[str], day: date) -> BillRow | None:
    kind, amount = values[_TYPE - 1], values[_AMOUNT - 1]
    if kind in _NO_MONEY:
        return None
    if kind not in (_PAYMENT, *_BACK):
        raise Odd(sayings.STRANGE_TYPE % {"value": repr(kind)})
    is_back = kind in _BACK
    trade_no = values[(_ORIGINAL if is_back else _QUERY_ID) - 1]
    own = values[_ORDER - 1]
    if not amount.isascii() or not amount.isdigit() or len(amount) > 12:
        raise Odd(sayings.NO_FEN % {"value": repr(amount[:32])})
    if not (trade_no or own):
        raise Odd(sayings.NO_TRADE)
    return BillRow(
        line=number,
        order_no="" if is_back else own,
        trade_no=trade_no,
        refund_no=(own or trade_no) if is_back else "",
        amount=from_fen(int(amount)),
        at=_without_year(values[_AT - 1], day),
        file=file,
    )


def _columns(line: bytes) -> list[str]:
    if len(line) < sum(WIDTHS) + len(WIDTHS) - 1:
        raise Odd(sayings.SHORT_LINE % {"bytes": len(line)})
    values, begin = [], 0
    for width in WIDTHS:
        values.append(text(line[begin : begin + width], "gb18030"))
        begin += width + 1
    return values


def _without_year(value: str, day: date) -> datetime:
    """MMDDhhmmss nearest to the bill's day: a bill of January 1st may speak of December 31st."""
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=ZONE)
    times = []
    for year in (day.year - 1, day.year, day.year + 1):
        try:
            times.append(datetime.strptime(f"{year}{value}", "%Y%m%d%H%M%S").replace(tzinfo=ZONE))
        except ValueError:
            continue  # February 29th of another year
    if not times:
        raise Odd(sayings.NO_TIME % {"value": repr(value[:32])})
    return min(times, key=lambda at: abs(at - noon))
