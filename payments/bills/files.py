"""A bill as it comes, plain, gzipped or an archive of several files, as lines of bytes.

Bytes, because a line is cut at bytes that are never part of a character: a half character in a name
then costs that name and not the row.
"""

import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

BYTES_MAX = 512 * 1024 * 1024  # unpacked
LINE_MAX = 64 * 1024
PEEKED = 64 * 1024

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
    """The files of transactions among those of a bill, one after the other. Raises Unreadable."""
    try:
        for name, stream in _unpacked(content):
            head = stream.peek(PEEKED)[:PEEKED]
            if not name or is_detail(name, head):
                yield File(name, head, _lines(stream))
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError) as error:
        raise Unreadable(f"cannot be unpacked: {error}") from error


def _unpacked(content: bytes) -> Iterator[tuple[str, io.BufferedReader]]:
    if content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for item in archive.infolist():
                with archive.open(item) as packed:
                    yield _name(item.filename), io.BufferedReader(packed, PEEKED)
        return
    plain = io.BytesIO(content)
    is_packed = content.startswith(b"\x1f\x8b")
    yield "", io.BufferedReader(gzip.GzipFile(fileobj=plain) if is_packed else plain, PEEKED)


def _name(told: str) -> str:
    """Names are GBK without saying so, which is then read as a PC's letters and lines."""
    try:
        return told.encode("cp437").decode("gb18030")
    except UnicodeError:
        return told


def _lines(stream: io.BufferedReader) -> Iterator[Numbered]:
    """Numbered lines without their ends; of one that never ends, its beginning."""
    number = taken = 0
    while line := stream.readline(LINE_MAX):
        number += 1
        whole = line
        while not whole.endswith(b"\n") and (whole := stream.readline(LINE_MAX)):
            taken += len(whole)
        taken += len(line)
        if taken > BYTES_MAX:
            raise Unreadable("unpacked it is larger than any bill")
        yield number, line.rstrip(b"\r\n")


def records(lines: Iterator[Numbered], begins: Callable[[bytes], bool], frame: re.Pattern[bytes]):
    """Lines put together again that a line break in a name has cut: (number, bytes) of each.

    `begins` tells a row's first line; `frame` what stands around the list and belongs to no row.
    """
    held: Numbered | None = None
    for number, line in lines:
        if frame.match(line) or begins(line):
            if held:
                yield held
            held = number, line
        elif held is None or len(held[1]) > LINE_MAX or frame.match(held[1]):
            if held:
                yield held
            held = (number, line) if line.strip() else None
        else:
            held = held[0], held[1] + b"\n" + line
    if held:
        yield held
