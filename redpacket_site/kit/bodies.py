"""Bodies that come without a length (`Transfer-Encoding: chunked`, or HTTP/2): read here, bounded.

WSGI knows of no such bodies, so Django would find an empty one. A server that ends a body by itself
says so (`wsgi.input_terminated`, as granian does); under any other nobody could tell where it ends.
"""

from io import BytesIO

from django.http import HttpRequest

PIECE_BYTES = 64 * 1024


class Endless(Exception):
    """There is a body, and no way to know where it ends."""


def measure(request: HttpRequest, most: int) -> int:
    """How many bytes the body has. One without a length is read, and given its length; of one that
    is longer than `most` no more is read than shows it. Raises Endless."""
    declared = request.META.get("CONTENT_LENGTH") or ""
    is_chunked = "HTTP_TRANSFER_ENCODING" in request.META
    if declared and not is_chunked:
        return int(declared) if declared.isdigit() else 0
    if not is_chunked and request.method in ("GET", "HEAD"):
        return 0
    if not request.META.get("wsgi.input_terminated"):
        if is_chunked:
            raise Endless
        return 0
    body = _read(request.META["wsgi.input"], most + 1)
    request.META["CONTENT_LENGTH"] = str(len(body))
    request._stream = BytesIO(body)  # what Django made of the length that was not there
    return len(body)


def _read(source, most: int) -> bytes:
    """In pieces of a size: granian gives nothing to a read without one that follows another."""
    body = bytearray()
    while len(body) < most and (piece := source.read(min(PIECE_BYTES, most - len(body)))):
        body += piece
    return bytes(body)
