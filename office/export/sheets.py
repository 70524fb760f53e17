"""What rows of a list look like as CSV and XLSX that Excel and WPS open rightly. Pure.

xlsxwriter makes the XLSX's frame (styles, heads, widths), our rows go between its halves; how both
become a file a piece at a time says files.py.
"""

import csv
import io
import re
import unicodedata
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from xml.sax.saxutils import escape

import xlsxwriter
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from xlsxwriter.utility import xl_col_to_name

from kit.marks import labelled

SHEET_ROWS = 1_000_000  # of the 1,048,576 that Excel opens
CELL_MAX = 32_767
BOM = "\ufeff"  # without it Excel reads Chinese as GBK
_NUMBER_KEPT = 10**15
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_BEGINS = "=+-@\u2212"
# What a spreadsheet takes for a number, a fraction, an amount, a day or a time: it would show 007
# as 7, 1e5 as 100000, 1-2 and mar1 as days, and write that back.
_NUMERIC = r"[0-9\s.,:/\-+()%$¥€£年月日号時时分秒点元]*"
_MONTH = (
    "(jan(uary)?|feb(ruary)?|mar(ch)?|apr(il)?|may|june?|july?|aug(ust)?|sept?(ember)?"
    "|oct(ober)?|nov(ember)?|dec(ember)?)"
)
_TAKEN = re.compile(
    rf"(?=.*[0-9])({_NUMERIC}(e[-+]?[0-9]+\s*)?|{_NUMERIC}{_MONTH}{_NUMERIC})([ap]m?\s*)?"
    r"|(上午|下午|星期|周).*|true|false",
    re.IGNORECASE,
)
_EPOCH = date(1899, 12, 30).toordinal()


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its head, what its cells are, and how a row tells them."""

    title: Any
    value: Callable[[Any], Any]
    kind: str = "text"  # text | number | money | time | date


def safe(text: str) -> str:
    """Text that no spreadsheet takes for a formula, however its first character is written.

    >>> safe("=1+1"), safe("＝1+1"), safe(" \\u200b@x"), safe("Li Lei")
    ("'=1+1", "'＝1+1", "' \\u200b@x", 'Li Lei')
    """
    if text[:1] in ("\t", "\r", "\n"):
        return f"'{text}"
    for character in text:
        if unicodedata.category(character)[0] in "ZC":
            continue
        return f"'{text}" if unicodedata.normalize("NFKC", character)[:1] in _BEGINS else text
    return text


# --- CSV


def csv_head(columns: Sequence[Column]) -> bytes:
    return (BOM + _line(str(column.title) for column in columns)).encode()


def csv_rows(columns: Sequence[Column], rows: Iterable[Any]) -> bytes:
    return "".join(
        _line(_csv_cell(column, column.value(row)) for column in columns) for row in rows
    ).encode()


def csv_foot(about: Iterable[tuple[str, Any]]) -> bytes:
    """Behind an empty line, where a table ends; a line is one cell, so that no sum takes it up."""
    told = [_line([safe(labelled(name, _text(value)))]) for name, value in about]
    return "".join(["\r\n", *told]).encode() if told else b""


def _line(cells: Iterable[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(list(cells))
    return text.getvalue()


def _csv_cell(column: Column, value: Any) -> str:
    if value is None:
        return ""
    if column.kind == "money":
        return f"{value:.2f}"
    if column.kind == "number" and abs(value) < _NUMBER_KEPT:
        return str(value)
    text = _text(value)
    if isinstance(value, str) and is_taken_for_another(text):
        return (
            f"{safe(text)}\t"  # as the channels' own bills do: text for Excel, the same for others
        )
    return safe(text)


def is_taken_for_another(text: str) -> bool:
    """Whether a spreadsheet that opens a CSV would make a number, a day or a time of this text.

    >>> [is_taken_for_another(text) for text in ("007", "1e5", "1-2", "12:30", "１.10", "MAR1")]
    [True, True, True, True, True, True]
    >>> [is_taken_for_another(text) for text in ("u1", "hb2k7", "1st", "marry1x", "恭喜发财")]
    [False, False, False, False, False]
    """
    return bool(_TAKEN.fullmatch(unicodedata.normalize("NFKC", text)))


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return localtime(value).strftime("%Y-%m-%d %H:%M:%S")
    return _UNPRINTABLE.sub("", str(value))


# --- XLSX

_FORMATS = {"money": "#,##0.00", "time": "yyyy-mm-dd hh:mm:ss", "date": "yyyy-mm-dd", "text": "@"}
_WIDTHS = {"money": 14, "time": 20, "date": 12, "number": 10, "text": 24}


def xlsx_rows(columns: Sequence[Column], rows: Iterable[Any], number: int) -> bytes:
    """The rows' XML; `number` is the sheet's row of the first one (the heads are row 1)."""
    styles = _styles(columns)
    letters = [xl_col_to_name(at) for at in range(len(columns))]
    shaped = list(zip(columns, letters, styles, strict=True))
    out = []
    for at, row in enumerate(rows, start=number):
        cells = "".join(
            _xlsx_cell(column, f'r="{letter}{at}" s="{style}"', column.value(row))
            for column, letter, style in shaped
        )
        out.append(f'<row r="{at}">{cells}</row>')
    return "".join(out).encode()


def frame(
    columns: Sequence[Column], title: str, sheets: int, about: Iterable[tuple[str, Any]] = ()
) -> dict[str, bytes]:
    """The parts of a workbook of so many sheets without rows, and of one that says what it is."""
    with zipfile.ZipFile(io.BytesIO(_frame(columns, title, sheets, about))) as made:
        return {item.filename: made.read(item) for item in made.infolist()}


def halves(columns: Sequence[Column], title: str, number: int) -> tuple[bytes, bytes]:
    """What stands before the rows of the number-th sheet, and what behind them."""
    content = frame(columns, title, number)[sheet(number)]
    content = re.sub(rb"<dimension [^>]*/>", b"", content)
    head, end, tail = content.partition(b"</sheetData>")
    return head, end + tail


def sheet(number: int) -> str:
    return f"xl/worksheets/sheet{number}.xml"


def _xlsx_cell(column: Column, where: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal | int | float) and -_NUMBER_KEPT < value < _NUMBER_KEPT:
        return f"<c {where}><v>{value}</v></c>"
    if isinstance(value, datetime):
        here = localtime(value)
        seconds = here.hour * 3600 + here.minute * 60 + here.second
        return f"<c {where}><v>{here.toordinal() - _EPOCH + seconds / 86_400:.6f}</v></c>"
    if isinstance(value, date):
        return f"<c {where}><v>{value.toordinal() - _EPOCH}</v></c>"
    # A string of a sheet is never a formula, so it needs no quote in front as in a CSV.
    text = escape(_text(value)[:CELL_MAX])
    return f'<c {where} t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'


def _frame(
    columns: Sequence[Column], title: str, sheets: int, about: Iterable[tuple[str, Any]]
) -> bytes:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    bold = book.add_format({"bold": True, "bg_color": "#F3E3C3"})
    formats = {kind: book.add_format({"num_format": code}) for kind, code in _FORMATS.items()}
    plain = book.add_format({"num_format": "0"})
    for number in range(1, sheets + 1):
        sheet = book.add_worksheet(_name(title, number if sheets > 1 else 0))
        for at, column in enumerate(columns):
            width = max(_WIDTHS[column.kind], 2 * len(str(column.title)))
            sheet.set_column(at, at, width, formats.get(column.kind, plain))
            sheet.write_string(0, at, str(column.title), bold)
        sheet.freeze_panes(1, 0)
    if told := list(about):
        _tell(book, told, formats, bold)
    book.close()
    return out.getvalue()


def _tell(book: Any, about: list[tuple[str, Any]], formats: dict[str, Any], bold: Any) -> None:
    """A sheet of its own behind the rows, so that nothing of it stands among them."""
    sheet = book.add_worksheet(_("About"))
    sheet.set_column(0, 0, 24, bold)
    sheet.set_column(1, 1, 60, formats["text"])
    for at, (name, value) in enumerate(about):
        sheet.write_string(at, 0, name)
        if isinstance(value, datetime):
            sheet.write_datetime(at, 1, localtime(value).replace(tzinfo=None), formats["time"])
        elif isinstance(value, Decimal):
            sheet.write_number(at, 1, value, formats["money"])
        elif isinstance(value, int):
            sheet.write_number(at, 1, value)
        else:
            sheet.write_string(at, 1, _text(value)[:CELL_MAX])


def _styles(columns: Sequence[Column]) -> list[str]:
    """Each column's style number in the frame, as its own `<cols>` says."""
    content = frame(columns, "x", 1)[sheet(1)].decode()
    styles = ["0"] * len(columns)
    for first, last, style in re.findall(
        r'<col min="(\d+)" max="(\d+)" width="[^"]*" style="(\d+)"', content
    ):
        for at in range(int(first), int(last) + 1):
            styles[at - 1] = style
    return styles


def _name(title: str, number: int) -> str:
    plain = re.sub(r"[\[\]:*?/\\']", " ", title)[:27]
    return f"{plain} {number}" if number else plain
