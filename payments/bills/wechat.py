"""WeChat Pay's bill: a backquote before each value; a second head line begins the totals."""

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from kit.money import ZERO
from payments import sayings
from payments.bills.files import File, Numbered, Unreadable, records
from payments.bills.rows import Back, BillRow, Columns, Odd, WrongTotal, moment, odd, text, yuan

FREE = ("商品名称", "商户数据包", "费率备注")
SEPARATOR = b",`"  # a comma alone stands in names
BACK = {"PROCESSING": Back.PROCESSING, "FAIL": Back.FAILED, "FAILED": Back.FAILED}
TOTALS = "总交易单数"
# The columns that are compared, and what their sums are called; the older names last.
PAID = {"订单金额": "订单总金额", "应结订单金额": "应结订单总金额"}
REFUNDED = {"申请退款金额": "申请退款总金额", "退款金额": "退款总金额"}
_BEGIN = re.compile(rb"`[0-9]{4}-[0-9]{2}-[0-9]{2} ")


def is_detail(name: str, head: bytes) -> bool:
    return name.casefold().endswith(".csv")


def rows(file: File, day: date) -> Iterator[BillRow | WrongTotal]:
    encoding = "utf-8" if "商户订单号".encode() in file.head else "gb18030"
    names = [text(name, encoding).lstrip("\ufeff`") for name in _first(file).split(b",")]
    columns = Columns(names, FREE)
    try:
        wanted = [columns.place(name) for name in ("交易时间", "微信订单号", "商户订单号")]
        paid, refunded = _named(names, PAID), _named(names, REFUNDED)
    except KeyError as error:
        head = sayings.LINE % {"line": 1}
        raise Unreadable(f"{head}: {sayings.NO_COLUMN % {'name': error}}") from None
    wanted += [names.index(paid), names.index(refunded)]
    given = [
        name for name in ("交易状态", "商户退款单号", "退款状态", "微信退款单号") if name in names
    ]
    wanted += [names.index(name) for name in given]
    frame = re.compile(re.escape(TOTALS.encode(encoding)))

    def begins(line: bytes) -> bool:
        return bool(_BEGIN.match(line)) or line.count(SEPARATOR) >= len(columns) - 1

    sums, is_whole = {PAID[paid]: ZERO, REFUNDED[refunded]: ZERO}, True
    found = records(file.lines, begins, frame)
    for count, (number, raw) in enumerate(found):
        if frame.match(raw):
            total, after = _last(found)
            if is_whole:
                yield from _wrong(file.name, total, text(raw, encoding), count, sums)
            if after:
                yield WrongTotal(after, sayings.AFTER_TOTALS, file.name)
            return
        try:
            pieces = columns.pick(raw.removeprefix(b"`").split(SEPARATOR), wanted)
            values = [text(piece, encoding).lstrip("`") for piece in pieces]
            row = _row(file.name, number, values[:5], dict(zip(given, values[5:], strict=True)))
            sums[REFUNDED[refunded] if row.refund_no else PAID[paid]] += row.amount
            yield row
        except Odd as error:
            is_whole = False
            yield odd(file.name, number, error, raw, encoding)
    yield WrongTotal(0, sayings.CUT_OFF, file.name)


def _first(file: File) -> bytes:
    return next(file.lines, (1, b""))[1]


def _named(names: list[str], known: dict[str, str]) -> str:
    for name in known:
        if name in names:
            return name
    raise KeyError(next(iter(known)))


def _row(file: str, number: int, values: list[str], given: dict[str, str]) -> BillRow:
    at, trade_no, order_no, paid, refunded = values
    if not trade_no:
        raise Odd(sayings.NO_TRADE)
    numbers = [given.get(name, "") for name in ("商户退款单号", "微信退款单号")]
    own = [no for no in numbers if no not in ("", "0")]
    is_refund = bool(own) or given.get("交易状态") in ("REFUND", "REVOKED")
    amount = yuan(refunded if is_refund else paid)
    if amount < 0:
        raise Odd(sayings.BELOW_ZERO)
    return BillRow(
        line=number,
        order_no=order_no,
        trade_no=trade_no,
        refund_no=(own[0] if own else trade_no) if is_refund else "",
        amount=amount,
        at=moment(at),
        back=BACK.get(given.get("退款状态", ""), Back.DONE),
        file=file,
    )


def _last(found: Iterator[Numbered]) -> tuple[Numbered | None, int]:
    """The line of totals, and at which line something stands behind it (0: nothing does)."""
    total = next(found, None)
    if total is None:
        return None, 0
    number, raw = total
    values, _, rest = raw.partition(b"\n")
    if rest.strip():
        return (number, values), number + 1
    return (number, values), next((behind for behind, _ in found), 0)


def _wrong(
    file: str, line: Numbered | None, head: str, count: int, sums: dict[str, Decimal]
) -> Iterator[WrongTotal]:
    """The two lines at the end: names, and what the rows come to by them."""
    if line is None:
        yield WrongTotal(0, sayings.CUT_OFF, file)
        return
    number, raw = line
    values = [value.strip().lstrip("`") for value in raw.decode("utf-8", "replace").split(",")]
    said = dict(zip((name.strip() for name in head.split(",")), values, strict=False))
    if said.get(TOTALS) != str(count):
        says = sayings.COUNTS % {"said": f"{TOTALS} {said.get(TOTALS)}", "count": count}
        yield WrongTotal(number, says, file)
    for name, amount in sums.items():
        try:
            total = yuan(said.get(name) or "0")
        except Odd as error:
            yield WrongTotal(number, f"{name}: {error}", file)
            continue
        if total and total != amount:  # a sum of nothing beside rows is one that was left out
            says = sayings.SUMS % {"said": f"{name} {total}", "amount": amount}
            yield WrongTotal(number, says, file)
