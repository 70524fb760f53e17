"""A folder of test keys, a merchant that can be told what to answer, and the sandbox over HTTP."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.utils import timezone

from payments.states import PayType
from sandbox import trades
from sandbox.models import SandboxTrade
from sandbox.tests.playing import ask
from testing.serving import serve


@pytest.fixture
def channels_file(made_keys, settings) -> Path:
    settings.REDPACKET_CHANNELS_FILE = made_keys
    return made_keys


@pytest.fixture
def channels(channels_file) -> dict:
    return json.loads(channels_file.read_text())


class Merchant(ThreadingHTTPServer):
    """Keeps what it is sent; `answers` are given in turn, the last one for ever."""

    daemon_threads = True
    request_queue_size = 50

    def __init__(self):
        self.got: list[tuple[dict, bytes]] = []
        self.answers: list[tuple[int, bytes]] = [(200, b"success")]
        self.all_here: threading.Barrier | None = None  # nobody is answered before all have come
        super().__init__(("127.0.0.1", 0), _Hears)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/notify"


class _Hears(BaseHTTPRequestHandler):
    server: Merchant

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.got.append((dict(self.headers), body))
        if self.server.all_here:
            self.server.all_here.wait(20)
        answers = self.server.answers
        status, said = answers.pop(0) if len(answers) > 1 else answers[0]
        self.send_response(status)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_):
        pass


@pytest.fixture
def merchant():
    server = Merchant()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def live(channels_file, settings) -> str:
    """The base URL of a running web process with the sandbox in it."""
    with serve(StaticFilesHandler) as base:
        settings.REDPACKET_PUBLIC_URL = base
        yield base


@pytest.fixture
def pay(live):
    """The control API's pay, as a test or load program calls it."""
    import requests

    def run(status: int = 200, **wish) -> dict:
        answer = requests.post(f"{live}/sandbox/control/pay", json=wish, timeout=20)
        assert answer.status_code == status, answer.text
        return answer.json()

    return run


@pytest.fixture
def played(settings, tmp_path):
    settings.DATA_DIR = tmp_path  # another test's crowd is another machine's
    answer = ask("start", {"phones": 3})
    assert answer.status_code == 201
    return answer.json()


@pytest.fixture
def base():
    with serve() as base:
        yield base


@pytest.fixture
def trade(request, channels_file):
    pay_type = getattr(request, "param", PayType.ALIPAY)
    order = SandboxTrade(
        pay_type=pay_type,
        order_no="rp000001",
        amount_fen=1234,
        scene="h5" if pay_type is PayType.WECHAT else "app",
        subject="<b>红包</b>",
        asked={},
        notify_url="http://127.0.0.1:9/",
        return_url="",
        expires_at=None,
    )
    return trades.open_trade(order=order, now=timezone.now())
