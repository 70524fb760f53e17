"""A file of a few kilobytes that wants to be one of gigabytes costs its reader next to nothing."""

import gzip
import io
import struct
import tracemalloc
import zipfile
from datetime import date

import pytest

from payments import bills
from payments.bills import files
from payments.models import Case
from payments.states import PayType

pytestmark = pytest.mark.once  # a file is read before anybody asks the database
MB = 1 << 20
PEAK_MAX = 2 * MB  # beside the file itself; measured: up to 0.55
DAY = date(2026, 11, 20)
HEAD = "交易时间,微信订单号,商户订单号,订单金额,申请退款金额\n".encode()


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return packed.getvalue()


def listed(count: int) -> bytes:
    """An archive whose list names one small file so many times, each at the same place."""
    one = zipped(("a.csv", b"x" * 1000))
    at = one.index(files._ENTRY)
    entry = one[at : one.index(b"PK\x05\x06")]
    entries = entry * count
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(entries), at, 0)
    return one[:at] + entries + end


def encrypted() -> bytes:
    """The flag alone: whoever opens it is asked for a password."""
    plain = bytearray(zipped(("a.csv", b"x")))
    for mark, offset in ((b"PK\x03\x04", 6), (files._ENTRY, 8)):
        plain[plain.index(mark) + offset] |= 1
    return bytes(plain)


BOMBS = {
    "one line of 100 MB": lambda: gzip.compress(bytes(100 * MB)),
    "50 million lines": lambda: gzip.compress(HEAD + b"x\n" * (50 * MB)),
    "lines that begin like rows": lambda: gzip.compress(HEAD + b"`2026-11-20 ,`\n" * (6 * MB)),
    "gzips behind each other": lambda: gzip.compress(bytes(10 * MB)) * 10,
    "a large file in an archive": lambda: zipped(("bill.csv", bytes(100 * MB))),
    "many files in an archive": lambda: zipped(
        *((f"{n}.csv", bytes(2 * MB)) for n in range(files.FILES_MAX))
    ),
    "a list without end": lambda: listed(50_000),
    "one file under many names": lambda: listed(files.FILES_MAX + 1),
    "bzip2": lambda: zipped(("a.csv", bytes(20 * MB)), method=zipfile.ZIP_BZIP2),
    "lzma": lambda: zipped(("a.csv", bytes(20 * MB)), method=zipfile.ZIP_LZMA),
    "encrypted": encrypted,
    "an archive in an archive": lambda: zipped(("a.zip", zipped(("a.csv", bytes(50 * MB))))),
    "a gzip that says nothing": lambda: b"\x1f\x8b" + bytes(100),
    "an archive that says nothing": lambda: b"PK" + bytes(100),
}


@pytest.mark.parametrize("pay_type", [PayType.ALIPAY, PayType.WECHAT, PayType.UNIONPAY])
@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_is_refused_and_takes_no_memory(kind, pay_type):
    content = BOMBS[kind]()
    tracemalloc.start()
    try:
        with pytest.raises(bills.Unreadable):
            for _row in bills.Statement(pay_type, content, DAY):
                pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < PEAK_MAX
    assert not Case.objects.exists()


def unpacked(monkeypatch) -> int:
    """How many bytes come out of the 100 MB before it is refused."""
    read, take = [], files.Left.take
    monkeypatch.setattr(files.Left, "take", lambda self, n: (read.append(n), take(self, n)))
    with pytest.raises(bills.Unreadable):
        bills.read(PayType.WECHAT, BOMBS["one line of 100 MB"](), DAY)
    return sum(read)


def test_a_bomb_is_given_up_long_before_its_end(monkeypatch):
    assert unpacked(monkeypatch) <= 20 * MB


def test_a_bomb_is_given_up_long_before_its_end_without_the_guard(monkeypatch):
    monkeypatch.setattr(files.Left, "take", lambda self, count: None)

    assert unpacked(monkeypatch) == 100 * MB
