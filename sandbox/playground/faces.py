"""Who plays: names, and small pictures as `data:` addresses: nothing is fetched for them."""

import struct
from base64 import b64encode
from zlib import compress, crc32

NAMES = ("小爱", "阿宝", "卡罗", "大伟", "艾琳", "Frank")
_FIRST, _SECOND = "小大阿老胖瘦花金白红", "虎兔龙马羊猴鸡狗猪牛"
BOT_NAMES = tuple(first + second for second in _SECOND for first in _FIRST)
_GROUNDS = ("8c3b2e", "2f6b4f", "2d5d8a", "7a4b8c", "8a5a12", "4d5a6b", "9b3562", "3d6a72")
_SKINS = ("f6d5b0", "eab98a", "c98d5e", "8d5a3a", "ffe2b1")
_SIDE = 32


def face(number: int) -> str:
    """The picture of one of them, always the same: a ground, a head, two eyes and a mouth."""
    palette = (
        _GROUNDS[number % len(_GROUNDS)],
        _SKINS[number // len(_GROUNDS) % len(_SKINS)],
        "2b1a12",
        "ffffff",
    )
    bend = number % 3 + 1
    rows = b"".join(b"\0" + _row(y, bend) for y in range(_SIDE))
    picture = (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", struct.pack(">IIBBBBB", _SIDE, _SIDE, 2, 3, 0, 0, 0))
        + _chunk(b"PLTE", bytes.fromhex("".join(palette)))
        + _chunk(b"IDAT", compress(rows, 9))
        + _chunk(b"IEND", b"")
    )
    return f"data:image/png;base64,{b64encode(picture).decode()}"


def _row(y: int, bend: int) -> bytes:
    """Four pixels a byte, two bits each."""
    colours = [_colour(x, y, bend) for x in range(_SIDE)]
    packed = bytearray()
    for at in range(0, _SIDE, 4):
        a, b, c, d = colours[at : at + 4]
        packed.append(a << 6 | b << 4 | c << 2 | d)
    return bytes(packed)


def _colour(x: int, y: int, bend: int) -> int:
    across, down = abs(x - 15.5), y - 17
    if across**2 + down**2 > 132:
        return 0
    if (across - 4) ** 2 + (down + 3) ** 2 < 3:
        return 2
    mouth = 5 + bend * (1 - across**2 / 20)
    return 2 if across < 5 and abs(down - mouth) < 0.8 else 1


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc32(kind + data))
