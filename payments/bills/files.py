"""A bill as it comes, plain, gzipped or an archive of several files, as lines of bytes.

Bytes, because a line is cut at bytes that are never part of a character: a half character in a name
then costs that name and not the row. Whatever it says of itself, it is unpacked a piece at a time,
and to no more than a bill comes to: a file of 100 KB can be one of 100 MB, or of none that ends.
"""

import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

from payments import sayings

BYTES_MAX = 512 * 1024 * 1024  # unpacked, all files together
# Bills of a million rows come to a thirtieth packed. So do short ones to less: they get the floor.
RATIO_MAX, ANY_RATIO = 200, 16 * 1024 * 1024
FILES_MAX = 100
LINE_MAX = 64 * 1024
PIECES_MAX = 50  # lines that a row may be cut into
PEEKED = 64 * 1024

_ENTRY = b"PK\x01\x02"  # begins each entry of an archive's list
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # of others a piece may be of any size
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError)
_ARCHIVERS = "__MACOSX/"  # what a Mac packs beside each file, under the same name

Numbered = tuple[int, bytes]


class Unreadable(Exception):
    """The file is not this channel's bill; says where."""


@dataclass
class File:
    """One file of transactions. Its lines can be read once."""

    name: str  # empty when the bill is a single file
    head: bytes  # its beginning, to look at
    lines: Iterator[Numbered]


def opened(content: bytes, is_detail: Callable[[str, bytes], bool]) -> Iterator[File]:
    """The files of transactions among those of a bill, one after the other. Raises Unreadable; so
    may each of their lines."""
    with _unpacking():
        for name, stream in _unpacked(content):
            head = stream.peek(PEEKED)[:PEEKED]
            if not name or is_detail(name, head):
                yield File(name, head, _lines(stream))


@contextmanager
def _unpacking() -> Iterator[None]:
    try:
        yield
    except _BROKEN as error:
        raise Unreadable(sayings.NOT_UNPACKED) from error


def _unpacked(content: bytes) -> Iterator[tuple[str, io.BufferedReader]]:
    left = Left(min(BYTES_MAX, max(ANY_RATIO, RATIO_MAX * len(content))))
    if content.startswith(b"PK"):
        # Before the list is read, which makes an object of each entry.
        if content.count(_ENTRY) > FILES_MAX:
            raise Unreadable(sayings.MANY_FILES % {"files": FILES_MAX})
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for item in archive.infolist():
                if item.filename.startswith(_ARCHIVERS):
                    continue
                if item.compress_type not in _METHODS:
                    raise Unreadable(sayings.STRANGE_PACKING % {"name": _name(item.filename)})
                with archive.open(item) as packed:
                    yield _name(item.filename), io.BufferedReader(_Measured(packed, left), PEEKED)
        return
    plain = io.BytesIO(content)
    if content.startswith(b"\x1f\x8b"):
        unpacked = _Measured(gzip.GzipFile(fileobj=plain), left)
        yield "", io.BufferedReader(unpacked, PEEKED)
    else:
        yield "", io.BufferedReader(plain, PEEKED)


class Left:
    """How many bytes a bill may still come to, all its files together."""

    def __init__(self, count: int) -> None:
        self.count = count

    def take(self, count: int) -> None:
        self.count -= count
        if self.count < 0:
            raise Unreadable(sayings.TOO_LARGE)


class _Measured(io.RawIOBase):
    """What is unpacked, as it is asked for."""

    def __init__(self, packed: IO[bytes] | gzip.GzipFile, left: Left) -> None:
        self._packed, self._left = packed, left

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with _unpacking():  # whoever reads a line of it meets what is broken there
            piece = self._packed.read(len(buffer))
        self._left.take(len(piece))
        buffer[: len(piece)] = piece
        return len(piece)


def _name(told: str) -> str:
    """Names are GBK without saying so, which is then read as a PC's letters and lines."""
    try:
        return told.encode("cp437").decode("gb18030")
    except UnicodeError:
        return told


def _lines(stream: io.BufferedReader) -> Iterator[Numbered]:
    """Numbered lines without their ends; of one that never ends, its beginning."""
    number = 0
    while line := stream.readline(LINE_MAX):
        number += 1
        whole = line
        while not whole.endswith(b"\n") and (whole := stream.readline(LINE_MAX)):
            pass
        yield number, line.rstrip(b"\r\n")


def records(
    lines: Iterator[Numbered], begins: Callable[[bytes], bool], frame: re.Pattern[bytes]
) -> Iterator[Numbered]:
    """Lines put together again that a line break in a name has cut: (number, bytes) of each.

    `begins` tells a row's first line; `frame` what stands around the list and belongs to no row.
    """
    held: Numbered | None = None
    pieces = 0
    for number, line in lines:
        is_whole = held is None or len(held[1]) > LINE_MAX or pieces == PIECES_MAX
        if frame.match(line) or begins(line):
            if held:
                yield held
            held, pieces = (number, line), 1
        elif held is None or is_whole or frame.match(held[1]):
            if held:
                yield held
            held, pieces = (number, line) if line.strip() else None, 1
        else:
            held, pieces = (held[0], held[1] + b"\n" + line), pieces + 1
    if held:
        yield held
