"""Machines: a data folder and a clock each (libfaketime sets it), one database and one Redis."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.db import connection

from testing.ports import free_port

ROOT = Path(__file__).resolve().parent.parent.parent
FAKETIME = next(Path("/usr/lib").glob("**/faketime/libfaketimeMT.so.1"), None)
PATIENCE_S = 180


class _AsItIs(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args, **kwargs):
        return None


_browser = urllib.request.build_opener(_AsItIs)


class Machine:
    """`off_s`: how far its clock is ahead."""

    def __init__(self, folder: Path, off_s: int):
        self.port = free_port()
        folder.mkdir()
        self.log = folder / "log"
        self.environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "redpacket_site.settings",
            "REDPACKET_DATA_DIR": str(folder),
            "REDPACKET_DATABASE_URL": _database_url(),
            "REDPACKET_REDIS_URL": settings.REDIS_URL,
            "REDPACKET_BROKER_URL": "memory://",
            "REDPACKET_THROTTLE": "on",
            "LD_PRELOAD": str(FAKETIME),
            "FAKETIME": f"{off_s:+d}s",
            # What waits for a while waits as long as it means to.
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        self.web: subprocess.Popen | None = None

    def serve(self) -> None:
        words = f"granian --interface wsgi --host 127.0.0.1 --port {self.port} --workers 1 --no-ws"
        command = [*words.split(), "--blocking-threads", "4", "--log-level", "error"]
        self.web = subprocess.Popen(
            [sys.executable, "-m", *command, "redpacket_site.wsgi:application"],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=self.log.open("wb"),
        )

    def wait(self) -> None:
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until and self.web and self.web.poll() is None:
            with suppress(OSError):
                if self.ask("/health/live")[0] == 200:
                    return
            time.sleep(0.1)
        raise AssertionError(self.log.read_text(errors="replace")[-3000:])

    def stop(self) -> None:
        if self.web:
            self.web.terminate()
            self.web.wait(PATIENCE_S)

    def ask(self, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes, str]:
        """Status, body, and where one is sent to."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        url = f"http://127.0.0.1:{self.port}{path}"
        try:
            answer = _browser.open(urllib.request.Request(url, body, named), timeout=PATIENCE_S)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return answer.status, answer.read(), answer.headers.get("Location", "")

    def work(self, code: str) -> str:
        """What a process of this machine prints."""
        head = "import django; django.setup()\nfrom redpacket_site.celery import app\n"
        head += "app.loader.import_default_modules()\n"
        command, here = [sys.executable, "-c", head + code], {"cwd": ROOT, "env": self.environment}
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=PATIENCE_S, **here
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout.strip()

    def runs(self, task: str, before: str = "") -> str:
        """What one run of a task comes to, as its worker would run it."""
        return self.work(f"{before}\nprint(app.tasks[{task!r}]())")


def _database_url() -> str:
    """Of the database that this test has."""
    url = urlsplit(os.environ["REDPACKET_DATABASE_URL"])
    return urlunsplit(url._replace(path=f"/{connection.settings_dict['NAME']}"))
