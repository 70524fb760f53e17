"""`make up` for real: the README's lines, beat's refund, a part that dies, Ctrl-C."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from testing.ports import free_port
from tests.private import open_to_others, try_root

ROOT = Path(__file__).resolve().parent.parent
EXPIRE_S = "5"  # long enough for the README's lines, short enough to wait for


@pytest.fixture
def running(tmp_path):
    """A `make up` of its own, ready; ended after the test whatever happened."""
    up = Up(tmp_path / "data folder %1", REDPACKET_EXPIRE_S=EXPIRE_S)
    yield up
    up.down()


class Up:
    def __init__(self, data: Path, stack: str = "embedded", **more: str):
        self.port = free_port()
        self.base, self.data = f"http://127.0.0.1:{self.port}", data
        own = {"PORT": str(self.port), "REDPACKET_DATA_DIR": str(data)}
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("REDPACKET_", "DJANGO_"))
        } | own
        self.process = subprocess.Popen(
            [sys.executable, "ops/up.py", stack],
            cwd=ROOT,
            env=self.environment | {"REDPACKET_WEB_WORKERS": "1"} | more,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.said: list[str] = []
        self.wait_for(f"ready {self.base}\n")

    def wait_for(self, start: str) -> str:
        for line in self.process.stdout:
            self.said.append(line)
            if line.startswith(start):
                return line
        raise AssertionError("".join(self.said))

    def down(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        done = [sys.executable, "ops/up.py", "down"]
        subprocess.run(done, cwd=ROOT, env=self.environment, check=True)

    def pids(self) -> dict[str, int]:
        noted = (self.data / "run" / "pids").read_text().splitlines()
        return {name: int(pid) for name, pid, _ in map(str.split, noted)}

    def left(self) -> list[str]:
        """Processes that have this data folder in their environment."""
        mine = f"REDPACKET_DATA_DIR={self.data}".encode()
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if mine in (process / "environ").read_bytes().split(b"\0"):
                    found.append((process / "cmdline").read_text().replace("\0", " "))
            except OSError:
                continue  # it ended meanwhile, or is somebody else's
        return found

    def event(self, type_: str) -> dict:
        """The first event of this type, however long it takes; the server does the waiting."""
        key, after = (self.data / "keys" / "service_key").read_text(), "0"
        while True:
            answer = requests.get(
                f"{self.base}/api/v1/service/events?after={after}&wait=10",
                headers={"Authorization": f"Bearer {key}"},
                timeout=30,
            ).json()
            after = answer["next"]
            for event in answer["results"]:
                if event["type"] == type_:
                    return event["data"]


def readme_lines() -> str:
    """The indented block that begins with BASE=."""
    text = (ROOT / "README.md").read_text()
    block = re.search(r"^    BASE=.*?(?=^\S)", text, re.MULTILINE | re.DOTALL)[0]
    return re.sub(r"^    ", "", block, flags=re.MULTILINE)


@pytest.mark.once
@pytest.mark.nightly
def test_the_full_stack_is_for_its_own_account_alone(tmp_path):
    """By day tests/attacks/test_least.py asks the same of the servers that the tests run on."""
    up = Up(tmp_path / "data", "full", REDPACKET_EXPIRE_S=EXPIRE_S)
    try:
        socket = up.data / "run" / "mariadb.sock"
        assert open_to_others(up.data) == []
        assert open_to_others(socket.resolve().parent) == []
        refused = try_root(socket)
        assert refused.returncode == 1
        assert "Access denied" in refused.stderr
    finally:
        up.down()


@pytest.mark.once
def test_up_lives_as_the_readme_says(running):
    patient = requests.Session()
    patient.mount("http://", HTTPAdapter(max_retries=Retry(connect=10, backoff_factor=0.1)))
    lines = readme_lines().replace("127.0.0.1:8000", f"127.0.0.1:{running.port}")
    lines = lines.replace("var/keys", '"$REDPACKET_DATA_DIR"/keys')
    lines = lines.replace(".venv/bin/python", sys.executable)
    lines += f"\n{sys.executable} manage.py channels check"
    elsewhere = {name: value for name, value in running.environment.items() if name != "PORT"}

    done = subprocess.run(
        ["bash", "-eu", "-c", lines],
        cwd=ROOT,
        env=elsewhere,  # another terminal
        capture_output=True,
        text=True,
        check=False,
    )
    expired = running.event("packet.expired")
    assert open_to_others(running.data) == []
    said = running.said[-2:]
    page = patient.get(f"{running.base}/try/", timeout=30)
    script = patient.get(running.base + re.search(r'<script [^>]*src="([^"]+)"', page.text)[1])
    web = running.pids()["web"]
    os.kill(web, signal.SIGKILL)
    again = running.wait_for("web died and was started again")
    ready = patient.get(f"{running.base}/health/ready", timeout=30)
    os.killpg(running.process.pid, signal.SIGINT)
    rest = running.process.communicate()[0]

    assert said == [f"try      {running.base}/try/\n", f"ready {running.base}\n"]
    assert script.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert done.returncode == 0, done.stderr
    assert '"pay_status":"paid"' in done.stdout
    assert '"outcome": "grabbed"' in done.stdout
    assert '"headline":"1/3 taken"' in done.stdout
    assert "audit clean" in done.stdout
    assert f"gateway {running.base}/sandbox/alipay" in done.stdout
    assert expired["taken_number"] == 1
    assert str(web) not in again
    assert ready.status_code == 200
    assert (running.process.returncode, rest) == (0, "stopping ...\n")
    assert running.left() == []
