"""The parts of a service under supervisord: started in order, again when they die, and stopped.

For `make up` and `make production`. What runs is noted with the moment that each was born, so that
a later `make down` finds what a killed run left behind, and nothing else.
"""

import os
import shlex
import signal
import subprocess
import sys
import time
import urllib.request
import xmlrpc.client
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from servers import remove_sockets, short_folder

CHIEFS = ("up", "supervisord")  # each stops all that is below it
FAILING = ("BACKOFF", "FATAL")
READY_S = 120
STOP_S = 30


def say(*words: object) -> None:
    with suppress(OSError):  # a terminal that was closed is no reason to stop
        print(*words, flush=True)


@dataclass(frozen=True)
class Part:
    """One program. Low priorities start first and stop last: servers outlive those who use them."""

    name: str
    command: list[str]
    folder: Path
    priority: int = 10
    is_server: bool = False  # starts with the supervisor, before the others are told to
    environment: dict[str, str] = field(default_factory=dict)

    def section(self) -> str:
        own = ",".join(f'{name}="{_quoted(value)}"' for name, value in self.environment.items())
        return f"""[program:{self.name}]
command={_plain(shlex.join(self.command))}
directory={_plain(self.folder)}
{f"environment={own}" if own else ""}
priority={self.priority}
autostart={str(self.is_server).lower()}
autorestart=true
startsecs=1
startretries=1000
stopwaitsecs=15
stopasgroup=false
killasgroup=true
redirect_stderr=true
stdout_logfile=logs/{self.name}.log
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=2
"""


class Supervisor:
    """supervisord below us: restarts what dies, stops all on SIGTERM."""

    def __init__(self, data: Path, parts: list[Part], environment: dict[str, str]):
        self.data, self.parts, self.environment = data, parts, environment
        self.run, self.logs = data / "run", data / "logs"
        self.noted = Noted(self.run)
        self.socket = short_folder(self.run) / "supervisor.sock"
        self.process: subprocess.Popen | None = None
        self.pids: dict[str, int] = {}
        self.failing: set[str] = set()  # parts that do not stay up

    def start(self) -> None:
        config = self.run / "supervisord.conf"
        config.touch(mode=0o600)
        config.write_text(self._config())
        self.process = subprocess.Popen(
            [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(config)],
            stdout=subprocess.DEVNULL,
            stderr=(self.logs / "supervisord.err").open("wb"),
            env=self.environment,
            cwd=self.data,  # its logs are named from there: it would expand a % in them twice
            start_new_session=True,  # Ctrl-C reaches us alone; we stop it in order
        )
        self.noted.write({"up": os.getpid(), "supervisord": self.process.pid})
        until = time.monotonic() + READY_S
        while not self.socket.exists():
            if self.process.poll() is not None or time.monotonic() > until:
                sys.exit(f"supervisord did not start; see {self.logs}/supervisord.err")
            time.sleep(0.05)

    def start_app(self) -> None:
        """Everything that is no server."""
        self.call("startProcessGroup", "app")

    def wait_until_ready(self, is_ready: Callable[[], bool]) -> None:
        """Every part runs and it answers; a part that cannot start ends the wait at once."""
        until = time.monotonic() + READY_S
        while not (self._look() and is_ready()):
            if self.failing or time.monotonic() > until:
                name = min(self.failing, default="web")
                log = self.logs / f"{name}.log"
                sys.exit(f"{name} does not start; the end of {log}:\n{_tail(log)}")
            time.sleep(0.1)

    def watch(self) -> None:
        """Stay; say when a part died and was started again."""
        while self.process.poll() is None:
            before = self.failing
            with suppress(OSError, xmlrpc.client.Error):  # it is ending, or was too busy to answer
                self._look()
            for name in sorted(self.failing - before):
                log = self.logs / f"{name}.log"
                say(f"{name} does not start, tried again and again; see {log}")
            time.sleep(0.5)
        sys.exit("supervisord ended unasked")

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_S)
        self.noted.stop({n: pid for n, pid in self.noted.left_behind().items() if n != "up"})
        remove_sockets(self.run)

    def call(self, method: str, *args):
        """Ask supervisord; its own names of methods."""
        from supervisor.xmlrpc import SupervisorTransport

        transport = SupervisorTransport(None, None, f"unix://{self.socket}")
        with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as server:
            return getattr(server.supervisor, method)(*args)

    def _look(self) -> bool:
        """Note what runs and say what was started again; whether every part runs."""
        states = self.call("getAllProcessInfo")
        for part in states:
            name, pid, before = part["name"], part["pid"], self.pids.get(part["name"])
            if before and pid != before:
                _signal_group(before)  # children of a killed part would keep its port or its queue
            if before and pid not in (0, before):
                say(f"{name} died and was started again (pid {pid})")
            if pid:
                self.pids[name] = pid
        self.failing = {part["name"] for part in states if part["statename"] in FAILING}
        self.noted.write({"up": os.getpid(), "supervisord": self.process.pid} | self.pids)
        return all(part["statename"] == "RUNNING" for part in states)

    def _config(self) -> str:
        app = ",".join(part.name for part in self.parts if not part.is_server)
        head = f"""[supervisord]
logfile=logs/supervisord.log
logfile_maxbytes=5MB
pidfile=run/supervisord.pid
childlogdir=logs
[unix_http_server]
file={_plain(self.socket)}
chmod=0700
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[group:app]
programs={app}
"""
        return head + "".join(part.section() for part in self.parts)


class Noted:
    """What runs from one data folder, as pids with the moment each was born: a pid alone may be
    somebody else's by tomorrow."""

    def __init__(self, run: Path):
        self.file = run / "pids"

    def write(self, pids: dict[str, int]) -> None:
        lines = [f"{name} {pid} {born}" for name, pid in pids.items() if (born := _born(pid))]
        half = self.file.with_suffix(".half")
        half.write_text("\n".join(lines))
        half.replace(self.file)

    def left_behind(self) -> dict[str, int]:
        """What was noted and is still there: the process, or children in the group it led."""
        try:
            noted = [line.split() for line in self.file.read_text().splitlines()]
        except OSError:
            return {}
        return {name: int(pid) for name, pid, born in noted if _is_there(name, int(pid), born)}

    def stop(self, found: dict[str, int]) -> None:
        """In order by the highest that is there (up, then supervisord); after STOP_S by force."""
        chiefs = [found[name] for name in CHIEFS if name in found][:1]
        for pid in chiefs or found.values():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        until = time.monotonic() + STOP_S
        while any(_born(pid) for pid in found.values()) and time.monotonic() < until:
            time.sleep(0.1)
        for name, pid in self.left_behind().items():
            if name in found:
                _signal_group(pid)
        self.file.unlink(missing_ok=True)


def answers(url: str, **options) -> bool:
    """Whether a GET is answered with 200, past any proxy."""
    direct = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(**options)
    )
    with suppress(OSError), direct.open(url, timeout=2) as answer:
        return answer.status == 200
    return False


def _plain(value: object) -> str:
    """supervisord would expand a % in its settings."""
    return str(value).replace("%", "%%")


def _quoted(value: str) -> str:
    return _plain(value).replace('"', '\\"')


def _tail(log: Path) -> str:
    with suppress(OSError):
        return "\n".join(log.read_text(errors="replace").splitlines()[-5:])
    return ""


def _is_there(name: str, pid: int, born: str) -> bool:
    now = _born(pid)
    if now or name == "up":
        return now == born
    others = (_stat(other.name) for other in Path("/proc").glob("[0-9]*"))
    return any(stat[2] == str(pid) for stat in others if stat)


def _born(pid: int) -> str | None:
    stat = _stat(pid)
    return stat[19] if stat else None


def _stat(pid: int | str) -> list[str] | None:
    """What the kernel says of a process, from its state on; None when it is gone or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if stat[0] == "Z" else stat


def _signal_group(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
