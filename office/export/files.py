"""A file of rows that grows by appending: rows() and end() give the bytes that come next.

What a row looks like says sheets.py; where the bytes are kept knows whoever asks for them. A writer
goes on from the `state` that another one had, in another process.
"""

from collections.abc import Sequence
from typing import Any

from office.export import sheets
from office.export.about import Lines
from office.export.sheets import Column
from office.export.zipped import Zip

SHEET_BYTES = 1 << 30  # of a sheet's XML, as Excel unpacks it


class Csv:
    content_type = "text/csv; charset=utf-8"

    def __init__(self, columns: Sequence[Column], title: str, state: dict | None = None) -> None:
        self.columns = columns
        self.state: dict[str, Any] = state or {"is_begun": False}

    def rows(self, page: Sequence[Any]) -> bytes:
        return self._head() + sheets.csv_rows(self.columns, page)

    def end(self, about: Lines = ()) -> bytes:
        return self._head() + sheets.csv_foot(about)

    def _head(self) -> bytes:
        if self.state["is_begun"]:
            return b""
        self.state["is_begun"] = True
        return sheets.csv_head(self.columns)


class Xlsx:
    """The sheets first, a page of rows at a time; what tells of their number comes behind them."""

    content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

    def __init__(self, columns: Sequence[Column], title: str, state: dict | None = None) -> None:
        self.columns, self.title = columns, title
        self.state: dict[str, Any] = state or {"zip": None, "sheets": 0, "rows": 0}
        self.zip = Zip(self.state["zip"])
        self.state["zip"] = self.zip.state

    def rows(self, page: Sequence[Any]) -> bytes:
        written = b""
        while page:
            written += self._sheet_with_room()
            room = sheets.SHEET_ROWS - self.state["rows"]
            first = self.state["rows"] + 2  # the heads are row 1
            written += self.zip.piece(sheets.xlsx_rows(self.columns, page[:room], first))
            self.state["rows"] += len(page[:room])
            page = page[room:]
        return written

    def end(self, about: Lines = ()) -> bytes:
        written = b"" if self.state["sheets"] else self._begin_sheet()
        written += self._finish_sheet()
        done = {sheets.sheet(number + 1) for number in range(self.state["sheets"])}
        frame = sheets.frame(self.columns, self.title, self.state["sheets"], about)
        for name, content in frame.items():
            if name not in done:
                written += self.zip.whole(name, content)
        return written + self.zip.end()

    def _sheet_with_room(self) -> bytes:
        if not self.state["sheets"]:
            return self._begin_sheet()
        is_full = self.state["rows"] >= sheets.SHEET_ROWS
        if is_full or self.zip.size_of_entry() >= SHEET_BYTES:
            return self._finish_sheet() + self._begin_sheet()
        return b""

    def _begin_sheet(self) -> bytes:
        self.state |= {"sheets": self.state["sheets"] + 1, "rows": 0}
        head, _ = self._halves()
        return self.zip.begin(sheets.sheet(self.state["sheets"])) + self.zip.piece(head)

    def _finish_sheet(self) -> bytes:
        _, tail = self._halves()
        return self.zip.piece(tail) + self.zip.finish()

    def _halves(self) -> tuple[bytes, bytes]:
        return sheets.halves(self.columns, self.title, self.state["sheets"])


FORMATS = {"csv": Csv, "xlsx": Xlsx}
