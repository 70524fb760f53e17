import socket
import threading

import pytest
from django.db import transaction

from payments.channels import http
from payments.channels.base import ChannelDown

pytestmark = pytest.mark.once


def call(url, **how):
    return http.call("POST", url, by="there", headers={"X-Said": "so"}, body=b"a=1", **how)


def test_an_answer_as_it_came(there):
    there.answer = lambda asked: (404, {"X-Name": "Value"}, b"no\xff")

    reply = call(f"{there.url}/a?b=%20c")

    assert (reply.status, reply.body, reply.headers["x-name"]) == (404, b"no\xff", "Value")
    asked = there.asked[0]
    assert (asked.method, asked.path, asked.body) == ("POST", "/a?b=%20c", b"a=1")
    assert (asked.headers["x-said"], asked.headers["accept-encoding"]) == ("so", "identity")


@pytest.mark.parametrize("status", [301, 302, 307, 500, 502, 503])
def test_redirects_and_their_own_errors_are_no_answers(there, status):
    there.answer = lambda asked: (status, {"Location": f"{there.url}/elsewhere"}, b"")

    with pytest.raises(ChannelDown, match=str(status)):
        call(there.url)
    assert [asked.path for asked in there.asked] == ["/"]


def test_only_what_is_repeatable_is_repeated_and_only_once(there):
    there.answer = lambda asked: (503, {}, b"")

    with pytest.raises(ChannelDown):
        call(there.url)
    assert len(there.asked) == 1
    with pytest.raises(ChannelDown):
        call(there.url, repeatable=True)
    assert len(there.asked) == 3


def test_the_second_try_is_the_same_request_and_may_succeed(there):
    answers = iter([(503, {}, b""), (200, {}, b"yes")])
    there.answer = lambda asked: next(answers)

    assert call(there.url, repeatable=True).body == b"yes"
    assert there.asked[0].body == there.asked[1].body == b"a=1"


def test_an_endless_answer_ends(there):
    there.answer = lambda asked: (200, {}, b"a" * (http.BODY_MAX_BYTES + 1))

    with pytest.raises(ChannelDown, match="too long"):
        call(there.url)
    assert len(call(there.url, bill=True).body) == http.BODY_MAX_BYTES + 1


def test_a_short_answer_is_none(there):
    """The connection broke before all had come."""
    there.answer = lambda asked: (200, {"Content-Length": "100", "Connection": "close"}, b"half")

    with pytest.raises(ChannelDown):
        call(there.url)


def test_nobody_there():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

    with pytest.raises(ChannelDown, match="ConnectionError"):
        call(f"http://127.0.0.1:{port}/?sign=secret")


def test_a_dripping_answer_ends_at_the_deadline(monkeypatch):
    monkeypatch.setattr(http, "TOTAL_S", 0.3)
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip():
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n")
                while not stop.wait(0.02):
                    connection.sendall(b"a")

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()

        with pytest.raises(ChannelDown, match="takes too long"):
            call(f"http://127.0.0.1:{server.getsockname()[1]}/")
        stop.set()
        thread.join(60)


def test_cookies_are_not_kept(there):
    there.answer = lambda asked: (200, {"Set-Cookie": "a=1"}, b"yes")

    call(there.url)
    call(there.url)

    assert "cookie" not in there.asked[1].headers


def test_never_inside_a_transaction(there):
    with transaction.atomic(), pytest.raises(RuntimeError, match="inside a transaction"):
        call(there.url)
    assert there.asked == []
