"""Bodies that come without a length (`Transfer-Encoding: chunked`, or HTTP/2): read here, bounded.

WSGI knows of no such bodies, so Django would find an empty one. A server that ends a body by itself
says so (`wsgi.input_terminated`, as granian does); under any other nobody could tell where it ends.
"""

from io import BytesIO
from typing import Any, BinaryIO

PIECE_BYTES = 64 * 1024


class Endless(Exception):
    """There is a body, and no way to know where it ends."""


def measure(environ: dict[str, Any], most: int) -> int:
    """How many bytes the body has. One without a length is read, and stands in `wsgi.input` with
    its length from then on; of one longer than `most` no more is read than shows it.

    Raises: Endless.
    """
    declared = environ.get("CONTENT_LENGTH") or ""
    is_chunked = "HTTP_TRANSFER_ENCODING" in environ
    if declared and not is_chunked:
        return int(declared) if declared.isdigit() else 0
    if not is_chunked and environ["REQUEST_METHOD"] in ("GET", "HEAD"):
        return 0
    if not environ.get("wsgi.input_terminated"):
        if is_chunked:
            raise Endless
        return 0
    body = _read(environ["wsgi.input"], most + 1)
    environ["CONTENT_LENGTH"] = str(len(body))
    environ["wsgi.input"] = BytesIO(body)
    return len(body)


def _read(source: BinaryIO, most: int) -> bytes:
    """In pieces of a size: granian gives nothing to a read without one that follows another."""
    body = bytearray()
    while len(body) < most and (piece := source.read(min(PIECE_BYTES, most - len(body)))):
        body += piece
    return bytes(body)
