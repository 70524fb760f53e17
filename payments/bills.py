"""Read a channel's daily bill (对账单) in the channel's own format. Pure; amounts in yuan."""

import csv
import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from payments.states import PayType
from redpacket_site.kit.money import from_fen, yuan

ZONE = ZoneInfo("Asia/Shanghai")  # bills are written in the channels' time, whatever ours is
BYTES_MAX = 512 * 1024 * 1024


class Unreadable(Exception):
    """The file is not this channel's bill; says where."""


@dataclass(frozen=True, slots=True)
class BillRow:
    """One payment, or one refund when `refund_no` is set."""

    line: int
    order_no: str
    trade_no: str
    refund_no: str
    amount: Decimal
    at: datetime | None


def read(pay_type: PayType, content: bytes, day: date) -> list[BillRow]:
    """The rows of a bill, plain or packed as the channel packs it. Raises Unreadable."""
    readers = {PayType.ALIPAY: _alipay, PayType.WECHAT: _wechat, PayType.UNIONPAY: _unionpay}
    try:
        return list(readers[pay_type](_unpacked(pay_type, content), day))
    except (ValueError, InvalidOperation, KeyError, IndexError, csv.Error) as error:
        raise Unreadable(f"{pay_type.word}: {error}") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise Unreadable(f"{pay_type.word}: cannot be unpacked: {error}") from error


def _unpacked(pay_type: PayType, content: bytes) -> str:
    if content.startswith(b"\x1f\x8b"):
        with gzip.open(io.BytesIO(content)) as packed:
            content = _bounded(packed.read(BYTES_MAX + 1))
    elif content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            content = _detail(pay_type, archive)
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Unreadable(f"{pay_type.word}: neither UTF-8 nor GBK")


def _bounded(content: bytes) -> bytes:
    if len(content) > BYTES_MAX:
        raise Unreadable("unpacked it is larger than any bill")
    return content


def _detail(pay_type: PayType, archive: zipfile.ZipFile) -> bytes:
    """The file of single transactions among those of an archive (summaries, errors, fees)."""
    for item in archive.infolist():
        with archive.open(item) as packed:
            content = _bounded(packed.read(BYTES_MAX + 1))
        # Alipay's names are GBK without saying so; what stands inside is surer.
        is_detail = {
            PayType.ALIPAY: "商户订单号".encode("gb18030") in content
            or "商户订单号".encode() in content,
            PayType.WECHAT: item.filename.endswith(".csv"),
            PayType.UNIONPAY: "ZM_" in item.filename,
        }[pay_type]
        if is_detail:
            return content
    raise Unreadable(f"{pay_type.word}: the archive holds no file of transactions")


def _alipay(text: str, day: date) -> Iterator[BillRow]:
    """Lines that begin with # frame the list; values are padded with tabs."""
    head: dict[str, int] = {}
    for number, values in enumerate(csv.reader(io.StringIO(text)), start=1):
        values = [value.strip() for value in values]
        if not values or not values[0] or values[0].startswith("#"):
            continue
        if not head:
            head = {name: at for at, name in enumerate(values)}
            for name in ("支付宝交易号", "商户订单号", "业务类型", "完成时间"):
                head[name]
            continue
        is_refund = "退款" in values[head["业务类型"]]
        amount_column = next(name for name in head if name.startswith("订单金额"))
        refund_column = next(name for name in head if name.startswith("退款批次号"))
        yield BillRow(
            line=number,
            order_no=values[head["商户订单号"]],
            trade_no=values[head["支付宝交易号"]],
            refund_no=values[head[refund_column]] if is_refund else "",
            amount=yuan(abs(Decimal(values[head[amount_column]]))),
            at=_time(values[head["完成时间"]]),
        )
    if not head:
        raise Unreadable("alipay: no line of column names")


def _wechat(text: str, day: date) -> Iterator[BillRow]:
    """Every value begins with a backquote; a second head line begins the summary."""
    rows = csv.reader(io.StringIO(text))
    head = {name.strip().lstrip("`"): at for at, name in enumerate(next(rows, []))}
    for name in ("交易时间", "微信订单号", "商户订单号"):
        head[name]
    amount_column = "订单金额" if "订单金额" in head else "应结订单金额"
    for number, values in enumerate(rows, start=2):
        values = [value.strip().lstrip("`") for value in values]
        if not any(values):
            continue
        if values[0].startswith("总交易单数"):
            return
        refund_no = values[head["商户退款单号"]] if "商户退款单号" in head else ""
        is_refund = refund_no not in ("", "0")
        refund_column = "申请退款金额" if "申请退款金额" in head else "退款金额"
        yield BillRow(
            line=number,
            order_no=values[head["商户订单号"]],
            trade_no=values[head["微信订单号"]],
            refund_no=refund_no if is_refund else "",
            amount=yuan(Decimal(values[head[refund_column if is_refund else amount_column]])),
            at=_time(values[head["交易时间"]]),
        )


# Widths of the columns of a UnionPay ZM file; one space between two. The rest is reserved.
# fmt: off
_WIDTHS = (
    3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13, 4, 15, 2, 2, 6, 2, 4, 32, 1, 21,
)
# fmt: on
_AT, _AMOUNT, _QUERY_ID, _ORDER, _TYPE, _ORIGINAL = 5, 7, 10, 12, 20, 27  # columns, from 1
_PAYMENT, _REFUND = "01", "04"


def _unionpay(text: str, day: date) -> Iterator[BillRow]:
    """Fixed widths; times without a year; amounts in fen."""
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        values = _columns(line)
        kind = values[_TYPE - 1]
        if kind not in (_PAYMENT, _REFUND):
            continue
        is_refund = kind == _REFUND
        yield BillRow(
            line=number,
            order_no="" if is_refund else values[_ORDER - 1],
            trade_no=values[(_ORIGINAL if is_refund else _QUERY_ID) - 1],
            refund_no=values[_ORDER - 1] if is_refund else "",
            amount=from_fen(int(values[_AMOUNT - 1])),
            at=_without_year(values[_AT - 1], day),
        )


def _columns(line: str) -> list[str]:
    if len(line) < sum(_WIDTHS) + len(_WIDTHS) - 1:
        raise ValueError(f"a line of {len(line)} characters is too short")
    values, begin = [], 0
    for width in _WIDTHS:
        values.append(line[begin : begin + width].strip())
        begin += width + 1
    return values


def _time(value: str) -> datetime | None:
    return datetime.fromisoformat(value).replace(tzinfo=ZONE) if value else None


def _without_year(value: str, day: date) -> datetime:
    """MMDDhhmmss nearest to the bill's day: a bill of January 1st may speak of December 31st."""
    years = (day.year - 1, day.year, day.year + 1)
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=ZONE)
    times = []
    for year in years:
        try:
            times.append(datetime.strptime(f"{year}{value}", "%Y%m%d%H%M%S").replace(tzinfo=ZONE))
        except ValueError:
            continue  # February 29th of another year
    if not times:
        raise ValueError(f"{value!r} is no MMDDhhmmss")
    return min(times, key=lambda at: abs(at - noon))
