"""Every kind of process is heard: started for real, its stderr read to the end."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from testing.ports import free_port

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_S = 60  # far beyond what it takes: only a failure waits for it

pytestmark = pytest.mark.once


class Process:
    """A process of the product with a data folder of its own; what it says goes to a file."""

    def __init__(self, data: Path, *command: str, **more: str):
        data.mkdir(exist_ok=True)
        self.data, self.file = data, data / "stderr"
        kept = {n: v for n, v in os.environ.items() if not n.startswith(("REDPACKET_", "DJANGO_"))}
        self.environment = kept | {
            "DJANGO_SETTINGS_MODULE": "redpacket_site.settings",
            "REDPACKET_DATA_DIR": str(data),
            **more,
        }
        with self.file.open("wb") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, *command],
                cwd=ROOT,
                env=self.environment,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                start_new_session=True,
            )

    def said(self) -> list[dict]:
        """The JSON lines so far; a line that is none fails."""
        text = self.file.read_text(errors="replace")
        whole = text[: text.rfind("\n") + 1].splitlines()
        return [json.loads(line) for line in whole if line.startswith("{")]

    def wait_for(self, is_it: Callable[[dict], bool]) -> dict:
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            for line in self.said():
                if is_it(line):
                    return line
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise AssertionError(self.file.read_text(errors="replace")[-5000:])

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Its exit code after the signal."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)


@pytest.fixture
def start(tmp_path):
    started: list[Process] = []

    def begin(*command: str, **more: str) -> Process:
        started.append(Process(tmp_path / "data", *command, **more))
        return started[-1]

    yield begin
    for process in started:
        if process.process.poll() is None:
            os.killpg(process.process.pid, signal.SIGKILL)
            process.process.wait()


def send(process: Process, task: str, *args: str) -> None:
    """Queue a task as the web does."""
    code = (
        "import sys; from tests.speaking import app; app.send_task(sys.argv[1], args=sys.argv[2:])"
    )
    command = [sys.executable, "-c", code, task, *args]
    subprocess.run(command, cwd=ROOT, env=process.environment, check=True)


def worker(start, **more: str) -> Process:
    words = "celery -A tests.speaking worker --concurrency 1 --without-gossip --without-mingle"
    return start("-m", *words.split(), "--loglevel", "WARNING", **more)


def test_a_workers_child_is_heard_and_so_is_what_it_says_last(start):
    at_work = worker(start)
    send(at_work, "tests.fail", "a-traceback")
    for word in ("first", "last"):
        send(at_work, "tests.speak", word)

    line = at_work.wait_for(lambda line: line.get("word") == "last")
    code = at_work.end()

    assert line["event"] == "spoken"
    assert line["process"] != at_work.process.pid, "not a child: the pool is no prefork pool"
    failed = at_work.wait_for(lambda line: "a-traceback" in str(line.get("event")))
    assert "Traceback" in failed["exception"]
    assert failed["level"] == "error"
    assert [line["word"] for line in at_work.said() if line["event"] == "spoken"] == [
        "first",
        "last",
    ]
    assert code == 0


def test_beat_is_heard(start):
    migrate = start("manage.py", "migrate", "-v", "0")
    assert migrate.process.wait(PATIENCE_S) == 0
    words = "celery -A redpacket_site beat --pidfile= --loglevel INFO"

    beat = start("-m", *words.split())
    line = beat.wait_for(lambda line: "Sending due task" in line["event"])

    assert line["level"] == "info"
    assert beat.end() in (0, -signal.SIGTERM, 128 + signal.SIGTERM)


def test_a_web_process_is_heard_to_its_last_request(start):
    port = free_port()
    words = f"granian --interface wsgi --host 127.0.0.1 --port {port} --workers 1 --no-ws"
    web = start("-m", *words.split(), "--blocking-threads", "2", "redpacket_site.wsgi:application")
    line = requests.Session()
    line.trust_env = False
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            line.get(f"http://127.0.0.1:{port}/health/live", timeout=PATIENCE_S)
            break
        except requests.ConnectionError:
            assert time.monotonic() < until, web.file.read_text()
            time.sleep(0.05)

    for i in range(5):
        header = {"X-Request-ID": f"number-{i}"}
        line.get(f"http://127.0.0.1:{port}/nothing", headers=header, timeout=PATIENCE_S)
    web.end()

    heard = [said["request_id"] for said in web.said() if said["event"] == "request"]
    assert [name for name in heard if name.startswith("number-")] == [
        f"number-{i}" for i in range(5)
    ]


SPEAK = "import structlog; log = structlog.get_logger('x'); log.warning('spoken', word='{}');"


@pytest.mark.parametrize(
    ("ends", "code"),
    [
        ("", 0),
        ("raise ValueError('oh')", 1),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM); input()", 143),
    ],
    ids=["by itself", "by an exception", "by SIGTERM"],
)
def test_a_command_is_heard_however_it_ends(start, ends, code):
    command = start("manage.py", "shell", "-c", SPEAK.format("last") + ends)

    assert command.process.wait(PATIENCE_S) == code
    assert [line["word"] for line in command.said() if line["event"] == "spoken"] == ["last"]


STUCK = """
import os, time
from kit.plumbing import logs
import structlog
log = structlog.get_logger("x")
reader, writer = os.pipe()
kept = os.dup(2)
os.dup2(writer, 2)
for i in range(3 * logs.LINES_MAX):
    log.warning("spoken", word="x" * 100)
waiting = logs.lines_out._items.qsize()
os.dup2(kept, 2)
os.close(kept); os.close(writer)
whole = 0
while piece := os.read(reader, 1 << 20):
    whole += piece.count(b"\\n")
logs.lines_out.flush(30)
log.warning("waited", waiting=waiting, most=logs.LINES_MAX, whole=whole)
"""


def test_a_stuck_terminal_costs_lines_and_not_memory(start):
    """Nobody reads the pipe: the queue stops at its bound, and says later how many it lost."""
    command = start("manage.py", "shell", "-c", STUCK)

    assert command.process.wait(PATIENCE_S) == 0
    waited = command.wait_for(lambda line: line["event"] == "waited")
    assert waited["waiting"] == waited["most"]
    dropped = sum(line["count"] for line in command.said() if line["event"] == "log_lines_dropped")
    spoken = sum(line["event"] == "spoken" for line in command.said())
    cut = 3 * waited["most"] - waited["whole"] - spoken - dropped  # half in the pipe, half here
    assert cut in (0, 1)
    assert dropped > 0
