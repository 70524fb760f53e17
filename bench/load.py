"""A small HTTP load generator: prebuilt requests over keep-alive connections, one thread, epoll.

It shares two cores with the server it loads, so only ratios within one run mean anything.
"""

import selectors
import socket
import time
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Result:
    seconds: float
    answers: Counter = field(default_factory=Counter)
    latencies_ms: list[float] = field(default_factory=list)

    @property
    def per_s(self) -> float:
        return sum(self.answers.values()) / self.seconds


def post(path: str, token: str) -> bytes:
    """One POST without a body, as bytes."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
        "Content-Length: 0\r\n\r\n"
    ).encode()


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def run(port: int, requests: list[bytes], connections: int = 32, words=(b"",)) -> Result:
    """Send every request once over so many connections; answers counted by the first word found."""
    selector = selectors.DefaultSelector()
    left = iter(requests)
    result = Result(0.0)
    open_now = 0
    began = time.perf_counter()
    for _ in range(connections):
        request = next(left, None)
        if request is None:
            break
        link = socket.create_connection(("127.0.0.1", port))
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link.sendall(request)
        selector.register(link, selectors.EVENT_READ, [bytearray(), time.perf_counter()])
        open_now += 1
    while open_now:
        for key, _ in selector.select():
            link, state = key.fileobj, key.data
            data = link.recv(65536)
            if not data:
                raise ConnectionError("the server closed a connection")
            state[0] += data
            answer = _complete(state[0])
            if answer is None:
                continue
            result.answers[_word(answer, words)] += 1
            result.latencies_ms.append((time.perf_counter() - state[1]) * 1000)
            request = next(left, None)
            if request is None:
                selector.unregister(link)
                link.close()
                open_now -= 1
                continue
            state[0] = bytearray()
            state[1] = time.perf_counter()
            link.sendall(request)
    result.seconds = time.perf_counter() - began
    return result


def _complete(data: bytearray) -> bytes | None:
    """The whole answer, or None while some of it is under way."""
    head = data.find(b"\r\n\r\n")
    if head < 0:
        return None
    at = data.lower().find(b"content-length:", 0, head)
    if at < 0:  # chunked
        return bytes(data) if data.endswith(b"0\r\n\r\n") else None
    length = int(data[at + 15 : data.find(b"\r\n", at)])
    return bytes(data) if len(data) >= head + 4 + length else None


def _word(answer: bytes, words) -> str:
    status = answer[9:12].decode()
    if status != "200":
        return status
    return next((word.decode() for word in words if word in answer), "?")
