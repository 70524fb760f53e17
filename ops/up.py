"""`make up`: web, Celery worker and beat (STACK=full: MariaDB and Redis too) under supervisord.

Prepares the data folder, keeps its secrets, migrates, starts all, waits until it is ready, says so,
and stays. A part that dies is started again, and said so. `make down` stops what a run left behind.
"""

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import xmlrpc.client
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from servers import Servers

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("REDPACKET_DATA_DIR") or ROOT / "var").expanduser().absolute()
RUN, LOGS, KEYS = DATA / "run", DATA / "logs", DATA / "keys"
PORT = os.environ.get("PORT") or "8000"
BASE = f"http://127.0.0.1:{PORT}"
READY_S = 60
STOP_S = 30
USERS = ("alice", "bob", "carol")


def say(*words: object) -> None:
    print(*words, flush=True)


def up(stack: str) -> None:
    if stack not in ("embedded", "full"):
        sys.exit(f"STACK={stack}: it is embedded or full.")
    _check_port()
    if found := _left_behind():
        sys.exit(f"Already running here (pid {found[0]}); `make down` stops it.")
    for folder in (RUN, LOGS, KEYS):
        folder.mkdir(parents=True, exist_ok=True)
    for name in ("secret_key", "jwt_secret", "service_key"):
        _keep_secret(KEYS / name)
    environment = os.environ | {"REDPACKET_DATA_DIR": str(DATA), "PYTHONUNBUFFERED": "1"}
    metrics = RUN / "metrics"
    metrics.mkdir(exist_ok=True)
    for old in metrics.glob("*.db"):
        old.unlink()
    environment["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)
    servers = None
    if stack == "full":
        servers = Servers(DATA)
        servers.prepare()
        for name, value in servers.environment.items():
            environment.setdefault(name, value)
    supervisor = _Supervisor(environment, servers)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        supervisor.start()
        if servers:
            servers.wait()
        say("preparing the database ...")
        _manage("migrate", environment, "-v", "0")
        staff = json.loads(_manage("demo_staff", environment))
        tokens = {user: _manage("token", environment, user).strip() for user in USERS}
        supervisor.start_group("app")
        _wait_until_ready(supervisor)
        _introduce(staff, tokens)
        say(f"ready {BASE}")
        supervisor.watch()
    except KeyboardInterrupt:
        pass
    finally:
        say("stopping ...")
        supervisor.stop()


def down() -> None:
    """Stop what an earlier run left: its supervisor or, if that was killed, the parts."""
    found = _left_behind()
    for pid in found:
        _signal(pid, signal.SIGTERM)
    until = time.monotonic() + STOP_S
    while (left := _left_behind()) and time.monotonic() < until:
        time.sleep(0.2)
    for pid in left:
        _signal(pid, signal.SIGKILL)
    say(f"stopped {len(found)} processes" if found else "nothing was running here")


class _Supervisor:
    """supervisord in the foreground of ours: restarts what dies, stops all on SIGTERM."""

    def __init__(self, environment: dict[str, str], servers: Servers | None):
        self.environment, self.servers = environment, servers
        socket_folder = servers.short if servers else RUN
        if len(str(socket_folder)) > 80:
            socket_folder = Path("/tmp") / f"hongbao-{os.getpid()}"
            socket_folder.mkdir(mode=0o700)
        self.socket = socket_folder / "supervisor.sock"
        self.process: subprocess.Popen | None = None
        self.starts: dict[str, int] = {}

    def start(self) -> None:
        config = RUN / "supervisord.conf"
        config.write_text(self._config())
        self.process = subprocess.Popen(
            [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(config)],
            stdout=subprocess.DEVNULL,
            stderr=(LOGS / "supervisord.err").open("wb"),
            env=self.environment,
            cwd=ROOT,
            start_new_session=True,  # Ctrl-C reaches us alone; we stop it in order
        )
        until = time.monotonic() + READY_S
        while not self.socket.exists():
            if self.process.poll() is not None or time.monotonic() > until:
                sys.exit(f"supervisord did not start; see {LOGS}")
            time.sleep(0.05)
        _note_pids([self.process.pid])

    def start_group(self, group: str) -> None:
        self._call("startProcessGroup", group)

    def states(self) -> list[dict]:
        return self._call("getAllProcessInfo")

    def watch(self) -> None:
        """Stay; say when a part died and was started again."""
        while self.process and self.process.poll() is None:
            running = [part for part in self.states() if part["pid"]]
            for part in running:
                if self.starts.setdefault(part["name"], part["pid"]) != part["pid"]:
                    say(f"{part['name']} died and was started again (pid {part['pid']})")
                    self.starts[part["name"]] = part["pid"]
            _note_pids([self.process.pid, *(part["pid"] for part in running)])
            time.sleep(0.5)
        say("supervisord ended")

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                down()
        (RUN / "pids").unlink(missing_ok=True)

    def _call(self, method: str, *args):
        from supervisor.xmlrpc import SupervisorTransport

        transport = SupervisorTransport(None, None, f"unix://{self.socket}")
        with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as server:
            return getattr(server.supervisor, method)(*args)

    def _config(self) -> str:
        workers = os.environ.get("REDPACKET_WEB_WORKERS") or str(min(os.cpu_count() or 1, 8))
        python = sys.executable
        app = {
            "web": f"{python} -m granian --interface wsgi --host 127.0.0.1 --port {PORT}"
            f" --workers {workers} --blocking-threads 8 --no-ws --workers-kill-timeout 10"
            " --respawn-failed-workers --log-level warning redpacket_site.wsgi:application",
            "worker": f"{python} -m celery -A redpacket_site worker --concurrency 2"
            " --without-gossip --without-mingle -O fair --loglevel WARNING",
            "beat": f"{python} -m celery -A redpacket_site beat --pidfile= --loglevel WARNING",
        }
        parts = [
            f"""[supervisord]
logfile={LOGS}/supervisord.log
logfile_maxbytes=5MB
pidfile={RUN}/supervisord.pid
childlogdir={LOGS}
[unix_http_server]
file={self.socket}
chmod=0700
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[group:app]
programs={",".join(app)}
"""
        ]
        if self.servers:
            parts.append(_program("mariadb", " ".join(self.servers.mariadb_command()), 1, True))
            redis = " ".join(part or '""' for part in self.servers.redis_command())
            parts.append(_program("redis", redis, 1, True))
        parts += [_program(name, command, 10, False) for name, command in app.items()]
        return "".join(parts)


def _program(name: str, command: str, priority: int, autostart: bool) -> str:
    """Low priorities start first and stop last: the servers outlive those who use them."""
    return f"""[program:{name}]
command={command}
directory={ROOT}
priority={priority}
autostart={str(autostart).lower()}
autorestart=true
startsecs=1
startretries=1000
stopwaitsecs=15
stopasgroup=false
killasgroup=true
redirect_stderr=true
stdout_logfile={LOGS}/{name}.log
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=2
"""


def _check_port() -> None:
    if not PORT.isdigit() or not 0 < int(PORT) < 65536:
        sys.exit(f"PORT={PORT}: it must be a number from 1 to 65535.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", int(PORT)))
        except OSError:
            sys.exit(f"Port {PORT} is taken; choose another one: PORT=8001 make up")


def _keep_secret(path: Path) -> None:
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(48))


def _manage(command: str, environment: dict[str, str], *args: str) -> str:
    done = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), command, *args],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"manage.py {command} failed.")
    return done.stdout


def _wait_until_ready(supervisor: _Supervisor) -> None:
    until = time.monotonic() + READY_S
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"{BASE}/health/ready", timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    sys.exit(f"The web part did not become ready within {READY_S} s; see {LOGS}/web.log")


def _introduce(staff: dict, tokens: dict[str, str]) -> None:
    say(f"API      {BASE}/api/v1      docs {BASE}/api/docs")
    say(f"admin    {BASE}/admin/")
    say(f"  staff  {staff['username']}  password {staff['password']}")
    say(f"  TOTP   {staff['totp_secret']}")
    for user, token in tokens.items():
        say(f"token {user}: {token}")
    key = os.environ.get("REDPACKET_SERVICE_KEY") or (KEYS / "service_key").read_text()
    say(f"service key: {key}")


def _note_pids(pids: list[int]) -> None:
    """What runs, with the moment each was born: a pid alone may be somebody else's by tomorrow."""
    lines = [f"{pid} {born}" for pid in pids if (born := _born(pid))]
    (RUN / "pids").write_text("\n".join(lines))


def _left_behind() -> list[int]:
    try:
        noted = [line.split() for line in (RUN / "pids").read_text().splitlines()]
    except FileNotFoundError:
        return []
    return [int(pid) for pid, born in noted if _born(int(pid)) == born]


def _born(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if stat[0] == "Z" else stat[19]


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


if __name__ == "__main__":
    word = sys.argv[1] if len(sys.argv) > 1 else "embedded"
    if word == "down":
        down()
    else:
        up(word)
