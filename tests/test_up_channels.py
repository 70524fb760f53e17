"""Channel payments on a real `make up`: workers that die, a second beat, an emptied broker; and a
tester's own keys."""

import json
import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pytest
import requests

from testing.ports import free_port
from tests.test_up import ROOT, Up

CHANNELS = ("alipay", "wechat", "unionpay")
TAKERS = ("bob", "carol", "dave")
PACKETS = 4  # a channel
OWN_APP = "2021000000000777"

pytestmark = pytest.mark.once


class App:
    """The chat app and its server, against a running product."""

    def __init__(self, up: Up):
        self.up, self.line = up, requests.Session()
        self.line.trust_env = False
        self.service = (up.data / "keys" / "service_key").read_text()
        told = self.manage("token", "alice", *TAKERS).split()
        self.tokens = dict(zip(("alice", *TAKERS), told, strict=True))

    def manage(self, *words: str) -> str:
        done = [sys.executable, "manage.py", *words]
        return subprocess.run(
            done, cwd=ROOT, env=self.up.environment, capture_output=True, text=True, check=True
        ).stdout

    def call(self, method: str, path: str, bearer: str, body=None) -> dict:
        headers = {"Authorization": f"Bearer {bearer}", "Idempotency-Key": os.urandom(12).hex()}
        url = f"{self.up.base}/{path}"
        answer = self.line.request(method, url, json=body, headers=headers, timeout=30)
        assert answer.ok, (path, answer.text)
        return answer.json() if answer.content else {}

    def post(self, path: str, body=None, who: str = "alice") -> dict:
        return self.call("POST", f"api/v1/{path}", self.tokens[who], body)

    def control(self, door: str, body: dict) -> dict:
        return self.call("POST", f"sandbox/control/{door}", "", body)

    def credited(self, count: int) -> list[tuple[str, str]]:
        """(packet, taker) of so many late credits, however long they take; the server waits."""
        found, after = [], "0"
        while len(found) < count:
            path = f"api/v1/service/events?limit=100&wait=10&after={after}"
            answer = self.call("GET", path, self.service)
            after = answer["next"]
            found += [
                (event["data"]["packet"], event["data"]["user_id"])
                for event in answer["results"]
                if event["type"] == "share.credited"
            ]
        return found


@pytest.fixture
def own_folder(made_keys, tmp_path) -> Path:
    """A tester's own set: ids and every key of both sides."""
    return own_keys(made_keys, tmp_path / "own")


def own_keys(made: Path, folder: Path) -> Path:
    shutil.copytree(made.parent, folder)
    found = json.loads((folder / "channels.json").read_text())
    found["alipay"]["app_id"] = OWN_APP
    (folder / "channels.json").write_text(json.dumps(found))
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.fixture(scope="module")
def own(made_keys, tmp_path_factory) -> Path:
    return own_keys(made_keys, tmp_path_factory.mktemp("own") / "keys")


@pytest.fixture(scope="module")
def running(own, tmp_path_factory):
    """One for both tests: it goes on with the tester's keys, whoever dies."""
    before = contents(own)
    data = tmp_path_factory.mktemp("up") / "data"
    file = str(own / "channels.json")
    up = Up(data, REDPACKET_THROTTLE="off", REDPACKET_CHANNELS_FILE=file)
    yield up
    up.down()
    assert contents(own) == before
    assert not (data / "keys" / "channels.json").exists()


@pytest.fixture
def second_beat(running):
    """Somebody starts beat once more."""
    environment = running.environment | {"DJANGO_SETTINGS_MODULE": "redpacket_site.settings"}
    command = [sys.executable, "-m", "celery", "-A", "redpacket_site", "beat", "--pidfile="]
    beat = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    yield beat
    beat.kill()
    beat.wait()


def empty_the_broker(up: Up) -> None:
    for message in (up.data / "broker" / "messages").glob("*"):
        message.unlink(missing_ok=True)


def test_everybody_is_credited_whoever_dies(running, second_beat):
    app = App(running)
    members = {"members": ["alice", *TAKERS]}
    app.call("PUT", "api/v1/service/groups/g1/members", app.service, members)
    wish = {"type": "equal", "for_id": "g1", "number": 3, "single_money": "1.00"}
    packets = []
    for word in CHANNELS * PACKETS:
        packet = app.post("packets", wish)["id"]
        order = app.post(f"packets/{packet}/pay", {"pay_type": word, "scene": "app"})["order"]
        asked = {"pay_type": word, "pay_params": order["pay_params"], "lag_s": 3600}
        told = app.control("pay", asked)
        body = {"result": told["result"]} if told["result"] else {}
        assert app.post(f"orders/{order['order_no']}/report", body)["status"] == "reported"
        for taker in TAKERS:
            share = app.post(f"packets/{packet}/grab", who=taker)["share"]
            assert share["is_into_account"] is False
        packets.append(packet)

    with ThreadPoolExecutor(1) as pool:
        delivered = pool.submit(app.control, "deliver", {})
        os.killpg(running.pids()["worker"], signal.SIGKILL)
        empty_the_broker(running)
        assert delivered.result()["acknowledged"] > 0
    empty_the_broker(running)
    running.wait_for("worker died and was started again")
    empty_the_broker(running)
    app.control("deliver", {})  # whoever was turned away comes again
    credited = app.credited(len(packets) * len(TAKERS))

    assert second_beat.poll() is None
    assert sorted(credited) == sorted((packet, taker) for packet in packets for taker in TAKERS)
    for taker in TAKERS:
        wallet = app.call("GET", "api/v1/wallet", app.tokens[taker])
        assert Decimal(wallet["balance"]) == len(packets)
    assert "audit clean" in app.manage("audit")


def start(folder: Path, data: Path) -> subprocess.CompletedProcess:
    """`make up` that is not expected to get far."""
    port = free_port()
    environment = os.environ | {
        "REDPACKET_DATA_DIR": str(data),
        "REDPACKET_CHANNELS_FILE": str(folder / "channels.json"),
        "PORT": str(port),
    }
    return subprocess.run(
        [sys.executable, "ops/up.py", "embedded"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_testers_own_keys_are_used(running):
    """And left alone: `running` looks when it has ended."""
    app = App(running)
    wish = {"money": "5.00", "pay_type": "alipay", "scene": "app"}
    order = app.post("wallet/topups", wish)
    asked = {"pay_type": "alipay", "pay_params": order["pay_params"], "inside": True}

    told = app.control("pay", asked)

    assert f"app_id={OWN_APP}" in order["pay_params"]["order_string"]
    assert told["notices"][0]["acknowledged"] is True
    assert app.call("GET", "api/v1/wallet", app.tokens["alice"])["balance"] == "5.00"


@pytest.mark.parametrize("how", ["no JSON", "a public key that is none", "a pfx that is missing"])
def test_a_broken_file_stops_the_start_with_one_clear_line(own_folder, tmp_path, how):
    if how == "no JSON":
        (own_folder / "channels.json").write_text("{")
        says = "channels.json: the keys cannot be made: JSONDecodeError("
    elif how == "a public key that is none":
        (own_folder / "alipay_platform_public.pem").write_text("nothing")
        says = "alipay: alipay_public_key_file"
    else:
        found = json.loads((own_folder / "channels.json").read_text())
        found["unionpay"]["merchant_pfx_file"] = "elsewhere.pfx"
        del found["unionpay"]["merchant_pfx_password"]
        (own_folder / "channels.json").write_text(json.dumps(found))
        says = "elsewhere.pfx cannot be read (No such file or directory)."

    done = start(own_folder, tmp_path / "data")
    shutil.rmtree(tmp_path / "data")

    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    assert len(lines) == 1, done.stderr
    assert says in lines[0]
    assert "ready" not in done.stdout
