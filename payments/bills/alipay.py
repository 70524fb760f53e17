"""Alipay's bill: archives of GBK files; lines that begin with # frame a list of padded values."""

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from kit.money import ZERO
from payments import sayings
from payments.bills.files import File, Unreadable, records
from payments.bills.rows import BillRow, Columns, Odd, WrongTotal, moment, odd, text, yuan

FREE = ("商品名称", "门店名称", "操作员", "对方账户", "券名称", "备注")
_ORDER = "商户订单号"
_NAMES = {
    code: re.compile(rb"(?m)^(?!(?:\xef\xbb\xbf)*#).*" + _ORDER.encode(code))
    for code in ("utf-8", "gb18030")
}
_TOTAL = re.compile(r"#(交易|退款)合计：([0-9]+)笔(?:，[^，]*?共(-?[0-9.]+)元)?")


def is_detail(name: str, head: bytes) -> bool:
    """Details, not sums: what stands inside is surer than the name. There may be several."""
    return bool(_encoding(head))


def _encoding(head: bytes) -> str:
    """By the line of column names; a remark that begins with # may hold the same words."""
    return next((code for code, names in _NAMES.items() if names.search(head)), "")


def rows(file: File, day: date) -> Iterator[BillRow | WrongTotal]:
    encoding = _encoding(file.head)
    if not encoding:
        raise Unreadable(sayings.NO_HEAD)
    lines = ((number, line.removeprefix(b"\xef\xbb\xbf")) for number, line in file.lines)
    columns = next(
        Columns(_split(line, encoding), FREE)
        for _, line in lines
        if not line.startswith(b"#") and _ORDER.encode(encoding) in line
    )
    try:
        wanted = [columns.place(name) for name in ("支付宝交易号", _ORDER, "业务类型", "完成时间")]
        wanted += [columns.place(name) for name in ("订单金额", "退款批次号")]
        wanted.append(columns.place("商家实收", "订单金额"))
    except KeyError as error:
        raise Unreadable(sayings.NO_COLUMN % {"name": error}) from None
    words = "|".join(("交易", "退款")).encode(encoding)
    begin = re.compile(rb"[^,]+,[^,]*,[^,]*(?:" + words + rb")|[0-9]{8,64}[ \t]*,")
    heads = ("-----", "交易合计", "退款合计", "导出时间")
    frame = re.compile(b"#(?:" + "|".join(heads).encode(encoding) + b")")

    def begins(line: bytes) -> bool:
        return bool(begin.match(line)) or line.count(b",") >= len(columns) - 1

    sums = _Sums(file.name)
    for number, raw in records(lines, begins, frame):
        if frame.match(raw):
            sums.hear(number, text(raw, encoding))
            continue
        if raw.startswith(b"#"):
            continue
        try:
            values = [text(value, encoding) for value in columns.pick(raw.split(b","), wanted)]
            row, received = _row(file.name, number, values)
            sums.add(row, received)
            yield row
        except Odd as error:
            sums.is_whole = False
            yield odd(file.name, number, error, raw, encoding)
    yield from sums.wrong()


def _split(line: bytes, encoding: str) -> list[str]:
    return [text(name, encoding) for name in line.split(b",")]


def _row(file: str, number: int, values: list[str]) -> tuple[BillRow, Decimal]:
    trade_no, order_no, kind, at, amount, refund_no, received = values
    if not trade_no:
        raise Odd(sayings.NO_TRADE)
    is_refund = "退款" in kind
    found = yuan(amount)
    row = BillRow(
        line=number,
        order_no=order_no,
        trade_no=trade_no,
        refund_no=(refund_no or trade_no) if is_refund else "",
        amount=abs(found) if is_refund else found,
        at=moment(at),
        file=file,
    )
    if row.amount < 0:
        raise Odd(sayings.BELOW_ZERO)
    return row, abs(yuan(received or amount))


class _Sums:
    """What the rows come to, and what the two lines below the list say they do."""

    def __init__(self, file: str) -> None:
        self.file, self.is_whole = file, True
        self.rows = {"交易": 0, "退款": 0}
        self.money = {"交易": ZERO, "退款": ZERO}
        self.said: dict[str, tuple[int, int, Decimal]] = {}

    def add(self, row: BillRow, received: Decimal) -> None:
        side = "退款" if row.refund_no else "交易"
        self.rows[side] += 1
        self.money[side] += received

    def hear(self, number: int, line: str) -> None:
        if said := _TOTAL.match(line):
            try:
                amount = abs(yuan(said[3] or "0"))
            except Odd:
                amount = ZERO
            self.said[said[1]] = number, int(said[2]), amount

    def wrong(self) -> Iterator[WrongTotal]:
        if not self.said:
            yield WrongTotal(0, sayings.CUT_OFF, self.file)
        for side, (number, count, amount) in self.said.items():
            rows, money = self.rows[side], self.money[side]
            # Without a line of refunds the other one counts both.
            both = sum(self.rows.values()) if len(self.said) == 1 else rows
            if self.is_whole and count not in (rows, both):
                says = sayings.COUNTS % {"said": f"{side}合计 {count}", "count": rows}
                yield WrongTotal(number, says, self.file)
            # A sum of nothing beside rows is one that was left out.
            elif self.is_whole and amount and amount != money:
                says = sayings.SUMS % {"said": f"{side}合计 {amount}", "amount": money}
                yield WrongTotal(number, says, self.file)
