"""A ZIP that grows by appending: pieces that, one behind the other, are the file, whichever process
wrote which. What the next one has to know is `state`, plain numbers and names.

A piece of an entry ends on a whole byte and points to nothing before it, so pieces of different
processes are one stream; the checksum goes on from the last one. Sizes stand behind an entry, where
they are known. There is no ZIP64: whoever writes stays below what needs it.
"""

import struct
import zlib
from typing import Any

LEVEL = 1
MOST = 0xFFFF_FFFF  # bytes of an entry, and of the file
_VERSION, _DEFLATED = 20, 8
_FLAGS = 1 << 3 | 1 << 11  # sizes stand behind the entry; its name is UTF-8
_NO_TIME, _NO_DATE = 0, 1 << 5 | 1  # 1980-01-01: the same rows make the same bytes


class Zip:
    def __init__(self, state: dict[str, Any] | None = None) -> None:
        self.state: dict[str, Any] = state or {"size": 0, "entries": []}

    def begin(self, name: str) -> bytes:
        """The head of a new entry: pieces follow, then finish()."""
        self.state["entries"].append([name, self.state["size"], 0, 0, 0])
        encoded = name.encode()
        fixed = (_VERSION, _FLAGS, _DEFLATED, _NO_TIME, _NO_DATE, 0, 0, 0, len(encoded), 0)
        return self._counted(struct.pack("<4s5H3I2H", b"PK\3\4", *fixed) + encoded)

    def piece(self, content: bytes) -> bytes:
        entry = self.state["entries"][-1]
        packed = _packed(content, zlib.Z_FULL_FLUSH)
        entry[2:] = [zlib.crc32(content, entry[2]), entry[3] + len(packed), entry[4] + len(content)]
        if max(entry[3:]) > MOST:
            raise ValueError(f"{entry[0]} is too big for a ZIP without ZIP64")
        return self._counted(packed)

    def finish(self) -> bytes:
        entry, last = self.state["entries"][-1], _packed(b"", zlib.Z_FINISH)
        entry[3] += len(last)
        return self._counted(last + struct.pack("<4s3I", b"PK\7\10", *entry[2:]))

    def whole(self, name: str, content: bytes) -> bytes:
        return self.begin(name) + self.piece(content) + self.finish()

    def size_of_entry(self) -> int:
        """Of the one that was begun last, as it will be unpacked."""
        return self.state["entries"][-1][4]

    def end(self) -> bytes:
        """The directory of all entries: the end of the file."""
        begin, entries = self.state["size"], self.state["entries"]
        directory = b"".join(_listed(*entry) for entry in entries)
        counts = (0, 0, len(entries), len(entries), len(directory), begin, 0)
        return self._counted(directory + struct.pack("<4s4H2IH", b"PK\5\6", *counts))

    def _counted(self, written: bytes) -> bytes:
        self.state["size"] += len(written)
        if self.state["size"] > MOST:
            raise ValueError("too big for a ZIP without ZIP64")
        return written


def _packed(content: bytes, flush: int) -> bytes:
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush(flush)


def _listed(name: str, offset: int, crc: int, packed: int, size: int) -> bytes:
    encoded = name.encode()
    head = (_VERSION, _VERSION, _FLAGS, _DEFLATED, _NO_TIME, _NO_DATE, crc, packed, size)
    rest = (len(encoded), 0, 0, 0, 0, 0, offset)
    return struct.pack("<4s6H3I5H2I", b"PK\1\2", *head, *rest) + encoded
