"""Bodies without a length, sent in chunks over a real socket to the server of production."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path

import jwt
import pytest
from django.test import RequestFactory
from django.utils import timezone

from kit.http import bodies
from sandbox import keys, wechat
from testing.ports import free_port
from tests.flows.channels import signer

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_S = 60  # far beyond what it takes: only a failure waits for it
SECRET, SERVICE_KEY = "a secret of this test alone, no other's", "a service key of this test alone"
PIECE = 10_000

pytestmark = pytest.mark.once


@dataclass
class Web:
    """granian with the product, on a database and keys of its own."""

    port: int
    channels_file: Path

    def send(self, method: str, path: str, body: bytes, *, chunked: bool = True, **headers):
        """(status, body) of a request in chunks, or in one piece with its length."""
        line = HTTPConnection("127.0.0.1", self.port, timeout=30)
        pieces = (body[at : at + PIECE] for at in range(0, len(body), PIECE))
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        path = path if path.startswith("/") else f"/api/v1/{path}"
        # It may have heard enough, and its answer be there already.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            line.request(method, path, pieces if chunked else body, named, encode_chunked=chunked)
        answer = line.getresponse()
        said = answer.status, answer.read()
        line.close()
        return said

    def user(self, method: str, path: str, body: bytes, **headers):
        claims = {"sub": "u1", "exp": timezone.now() + timedelta(hours=1)}
        token = jwt.encode(claims, SECRET, "HS256")
        more = {"Authorization": f"Bearer {token}", "Content_Type": "application/json"}
        return self.send(method, path, body, **more | headers)

    def service(self, path: str, body: bytes):
        more = {"Authorization": f"Bearer {SERVICE_KEY}", "Content_Type": "application/json"}
        return self.send("PUT", f"service/{path}", body, **more)


@pytest.fixture(scope="module")
def web(tmp_path_factory) -> Iterator[Web]:
    data = tmp_path_factory.mktemp("web")
    port = free_port()
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("REDPACKET_", "DJANGO_"))}
    environment = kept | {
        "DJANGO_SETTINGS_MODULE": "redpacket_site.settings",
        "REDPACKET_DATA_DIR": str(data),
        "REDPACKET_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "REDPACKET_JWT_SECRET": SECRET,
        "REDPACKET_SERVICE_KEY": SERVICE_KEY,
        "REDPACKET_THROTTLE": "off",
    }
    for command in (["migrate", "-v", "0"], ["sandbox_keys"]):
        subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=ROOT,
            env=environment,
            check=True,
            capture_output=True,
        )
    words = f"granian --interface wsgi --host 127.0.0.1 --port {port} --workers 1 --no-ws"
    log = data / "stderr"
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", *words.split(), "--blocking-threads", "4"),
                "redpacket_site.wsgi:application",
            ],
            cwd=ROOT,
            env=environment,
            stdout=stderr,
            stderr=stderr,
            start_new_session=True,
        )
    try:
        until = time.monotonic() + PATIENCE_S
        while not _is_up(port):
            assert time.monotonic() < until and process.poll() is None, log.read_text()
            time.sleep(0.05)
        yield Web(port, data / "keys" / "channels.json")
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _is_up(port: int) -> bool:
    line = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        line.request("GET", "/health/live")
        return line.getresponse().status == 200
    except OSError:
        return False
    finally:
        line.close()


def wish(length: int = 0) -> bytes:
    body = json.dumps({"money": "1.00", "pay_type": "wechat", "scene": "app"}).encode()
    return body.ljust(length)


def test_a_wish_in_chunks_is_read(web):
    status, said = web.user("POST", "wallet/topups", wish(), Idempotency_Key="a1")

    assert (status, json.loads(said)["money"]) == (201, "1.00"), said
    again = web.user("POST", "wallet/topups", wish(), chunked=False, Idempotency_Key="a1")
    assert again == (201, said)  # the same request, by whichever way it came


@pytest.mark.parametrize(("length", "status"), [(64 * 1024, 201), (64 * 1024 + 1, 413)])
def test_a_body_in_chunks_has_the_usual_limit(web, length, status):
    key = f"b{length}"
    said = web.user("POST", "wallet/topups", wish(length), Idempotency_Key=key)

    assert said[0] == status, said


def test_nothing_in_chunks_is_nothing(web):
    status, said = web.user("POST", "wallet/topups", b"", Idempotency_Key="c1")

    assert (status, set(json.loads(said)["errors"])) == (400, {"money", "pay_type", "scene"})


@pytest.mark.parametrize(("length", "status"), [(4 * 1024**2, 204), (4 * 1024**2 + 1, 413)])
def test_the_chat_servers_bodies_may_be_longer(web, length, status):
    members = json.dumps({"members": ["u1", "u2"]}).encode()

    assert web.service("groups/g1/members", members.ljust(length))[0] == status


def test_a_genuine_notice_in_chunks_confirms(web, settings):
    settings.REDPACKET_CHANNELS_FILE = web.channels_file
    channel = keys.of("wechat")
    _, said = web.user("POST", "wallet/topups", wish(), Idempotency_Key="d1")
    order_no = json.loads(said)["order_no"]
    paid = {
        "mchid": channel["mchid"],
        "appid": channel["appid"],
        "out_trade_no": order_no,
        "transaction_id": "4200000000202611270000000001",
        "trade_state": "SUCCESS",
        "success_time": timezone.now().isoformat(timespec="seconds"),
        "amount": {"total": 100, "currency": "CNY"},
    }
    resource = wechat.encrypt(channel, "transaction", json.dumps(paid).encode())
    body = json.dumps({"event_type": "TRANSACTION.SUCCESS", "resource": resource}).encode()
    headers, body = signer.wechat(body)
    headers = {name.replace("-", "_"): value for name, value in headers.items()}

    spoilt = web.send("POST", "payments/notify/wechat", body[:-1], **headers)
    told = web.send("POST", "payments/notify/wechat", body, **headers)

    assert (spoilt[0], told) == (400, (204, b""))
    _, order = web.user("GET", f"orders/{order_no}", b"", chunked=False)
    assert json.loads(order)["status"] == "confirmed"
    assert web.send("POST", "payments/notify/wechat", b"x" * (64 * 1024 + 1))[0] == 413


def test_a_page_takes_no_form_without_its_length(web):
    assert web.send("POST", "/sandbox/open", b"pasted=x")[0] == 411


# --- Without a server that ends bodies
def test_nobody_guesses_where_a_body_ends():
    chunked = RequestFactory().post("/", HTTP_TRANSFER_ENCODING="chunked")
    del chunked.META["CONTENT_LENGTH"]

    with pytest.raises(bodies.Endless):
        bodies.measure(chunked.META, 10)


def test_a_length_that_was_declared_is_believed_unless_it_comes_in_chunks():
    both = RequestFactory().post("/", b"0123456789", content_type="text/plain")
    assert bodies.measure(both.META, 5) == 10
    both.META["HTTP_TRANSFER_ENCODING"] = "chunked"
    both.META["wsgi.input_terminated"] = True

    assert bodies.measure(both.META, 5) == 6  # no more than shows that it is too long
