"""One `make production` for all tests of this folder: deploy/'s own files on loopback ports."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from socket import socket
from typing import Any

import jwt
import pytest
import requests

ROOT = Path(__file__).resolve().parent.parent.parent
PORTS = 5


class Production:
    def __init__(self, data: Path):
        self.data, self.port = data, _free_ports()
        self.base = f"https://localhost:{self.port}"
        own = {"PORT": str(self.port), "REDPACKET_DATA_DIR": str(data)}
        clean = {n: v for n, v in os.environ.items() if not n.startswith(("REDPACKET_", "DJANGO_"))}
        self.process = subprocess.Popen(
            [sys.executable, "ops/production.py"],
            cwd=ROOT,
            env=clean | own,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.said: list[str] = []
        for line in self.process.stdout:
            self.said.append(line.rstrip("\n"))
            if line.startswith("ready "):
                break
        else:
            raise AssertionError("\n".join(self.said))
        self.passwords = json.loads((data / "etc" / "passwords.json").read_text())
        self.line = self.session()

    def session(self) -> requests.Session:
        line = requests.Session()
        line.trust_env, line.verify = False, str(self.data / "etc" / "tls.pem")
        return line

    def down(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=60)

    def pid(self, part: str) -> int:
        noted = (self.data / "run" / "pids").read_text().splitlines()
        return next(int(pid) for name, pid, _ in map(str.split, noted) if name == part)

    def environment(self) -> dict[str, str]:
        lines = (self.data / "etc" / "env").read_text().splitlines()
        read = dict(line.split("=", 1) for line in lines if "=" in line and line[0] != "#")
        return {"PATH": os.environ["PATH"], "HOME": str(self.data)} | read

    def manage(self, *words: str, **more: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env=self.environment() | more,
            capture_output=True,
            text=True,
            check=False,
        )

    def sql(self, statement: str, user: str = "root") -> str:
        """What the database says to one of its accounts; raises what it refuses."""
        password = {"root": "root", "hongbao": "web", "hongbao_admin": "admin"}[user]
        done = subprocess.run(
            [
                *("mariadb", "--no-defaults", f"-u{user}", "-N", "-B", "-e", statement),
                *("-S", str(self.data / "run" / "mariadb.sock"), "hongbao"),
            ],
            env=os.environ | {"MYSQL_PWD": self.passwords[password]},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise PermissionError(done.stderr)
        return done.stdout

    def token(self, user: str) -> str:
        claims = {"sub": user, "exp": int(time.time()) + 3600, "iss": "https://chat.example.com"}
        key = (self.data / "etc" / "platform-private.pem").read_text()
        return jwt.encode(claims | {"aud": "hongbao"}, key, algorithm="EdDSA")

    def call(self, method: str, path: str, user: str = "", body: Any = None) -> requests.Response:
        """As a user of the app, or as the chat server."""
        bearer = self.token(user) if user else self.passwords["service"]
        return self.line.request(
            method,
            f"{self.base}/api/v1/{path}",
            json=body,
            headers={"Authorization": f"Bearer {bearer}", "Idempotency-Key": os.urandom(9).hex()},
            timeout=30,
        )


def _free_ports() -> int:
    """The first of five that are free beside each other."""
    while True:
        with socket() as probe:
            probe.bind(("127.0.0.1", 0))
            first = probe.getsockname()[1]
        if first + PORTS > 65535:
            continue
        try:
            for port in range(first, first + PORTS):
                with socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first


@pytest.fixture(scope="session")
def stack(tmp_path_factory):
    production = Production(tmp_path_factory.mktemp("production"))
    yield production
    production.down()
