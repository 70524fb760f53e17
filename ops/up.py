"""`make up`: web, Celery worker and beat (STACK=full: MariaDB and Redis too) under supervisord.

Prepares the data folder, keeps its secrets, migrates, starts all, waits until it is ready, says so,
and stays. A part that dies is started again, and said so. `make down` stops what a run left behind.
"""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import xmlrpc.client
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from servers import Servers, remove_sockets, short_folder

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("REDPACKET_DATA_DIR") or ROOT / "var").expanduser().absolute()
RUN, LOGS, KEYS = DATA / "run", DATA / "logs", DATA / "keys"
PORT = os.environ.get("PORT") or "8000"
BASE = f"http://127.0.0.1:{PORT}"
NOTED = RUN / "pids"
CHIEFS = ("up", "supervisord")  # each stops all that is below it
FAILING = ("BACKOFF", "FATAL")
READY_S = 120
STOP_S = 30
USERS = ("alice", "bob", "carol")


def say(*words: object) -> None:
    with suppress(OSError):  # a terminal that was closed is no reason to stop
        print(*words, flush=True)


def up(stack: str) -> None:
    _check(stack)
    _make_folders()
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "redpacket_site.settings",
        "PROMETHEUS_MULTIPROC_DIR": str(RUN / "metrics"),
        "PYTHONUNBUFFERED": "1",
        "REDPACKET_DATA_DIR": str(DATA),
    }
    servers = None
    if stack == "full":
        servers = Servers(DATA)
        servers.prepare()
        environment = servers.environment | environment
    _tell_commands(environment)
    supervisor = _Supervisor(environment, servers)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)  # SIGINT too: a shell's background job would ignore it
    try:
        supervisor.start()
        if servers:
            servers.wait()
        if plays_channels := environment.get("REDPACKET_ENV") != "production":
            _manage("sandbox_keys", environment)
        say("preparing the database ...")
        _manage("migrate", environment, "-v", "0")
        staff = json.loads(_manage("demo_staff", environment))
        tokens = _manage("token", environment, *USERS).split()
        supervisor.start_group("app")
        supervisor.wait_until_ready()
        _introduce(staff, tokens)
        if plays_channels:
            say(f"cashier  {BASE}/sandbox/   (pretend Alipay, WeChat Pay and UnionPay)")
        say(f"ready {BASE}")
        supervisor.watch()
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # it is stopping already
        say("stopping ...")
        supervisor.stop()


def down() -> None:
    """Stop what an earlier run left: its chief while it lives or, if that was killed, the parts."""
    found = _left_behind()
    _stop(found)
    say(f"stopped {len(found)} processes" if found else "nothing was running here")


def _stop(found: dict[str, int]) -> None:
    """In order by the highest that is there (up, then supervisord); after STOP_S by force."""
    chiefs = [found[name] for name in CHIEFS if name in found][:1]
    for pid in chiefs or found.values():
        _signal(pid, signal.SIGTERM)
    until = time.monotonic() + STOP_S
    while any(_born(pid) for pid in found.values()) and time.monotonic() < until:
        time.sleep(0.1)
    for name, pid in _left_behind().items():
        if name in found:
            _signal_group(pid)
    NOTED.unlink(missing_ok=True)


class _Supervisor:
    """supervisord below us: restarts what dies, stops all on SIGTERM."""

    def __init__(self, environment: dict[str, str], servers: Servers | None):
        self.environment, self.servers = environment, servers
        self.socket = short_folder(RUN) / "supervisor.sock"
        self.process: subprocess.Popen | None = None
        self.pids: dict[str, int] = {}
        self.failing: set[str] = set()  # parts that do not stay up

    def start(self) -> None:
        config = RUN / "supervisord.conf"
        config.write_text(self._config())
        self.process = subprocess.Popen(
            [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(config)],
            stdout=subprocess.DEVNULL,
            stderr=(LOGS / "supervisord.err").open("wb"),
            env=self.environment,
            cwd=DATA,  # its logs are named from there: it would expand a % in them twice
            start_new_session=True,  # Ctrl-C reaches us alone; we stop it in order
        )
        _note({"up": os.getpid(), "supervisord": self.process.pid})
        until = time.monotonic() + READY_S
        while not self.socket.exists():
            if self.process.poll() is not None or time.monotonic() > until:
                sys.exit(f"supervisord did not start; see {LOGS}/supervisord.err")
            time.sleep(0.05)

    def start_group(self, group: str) -> None:
        self._call("startProcessGroup", group)

    def states(self) -> list[dict]:
        return self._call("getAllProcessInfo")

    def wait_until_ready(self) -> None:
        """Every part runs and the web answers; a part that cannot start ends the wait at once."""
        until = time.monotonic() + READY_S
        while not (self._look() and _answers(f"{BASE}/health/ready")):
            if self.failing or time.monotonic() > until:
                name = min(self.failing, default="web")
                sys.exit(f"{name} does not start; the end of {LOGS}/{name}.log:\n{_tail(name)}")
            time.sleep(0.1)

    def watch(self) -> None:
        """Stay; say when a part died and was started again."""
        while self.process.poll() is None:
            before = self.failing
            with suppress(OSError, xmlrpc.client.Error):  # it is ending, or was too busy to answer
                self._look()
            for name in sorted(self.failing - before):
                say(f"{name} does not start, tried again and again; see {LOGS}/{name}.log")
            time.sleep(0.5)
        sys.exit("supervisord ended unasked")

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_S)
        _stop({name: pid for name, pid in _left_behind().items() if name != "up"})
        (RUN / "stack.json").unlink(missing_ok=True)
        remove_sockets(RUN)

    def _look(self) -> bool:
        """Note what runs and say what was started again; whether every part runs."""
        states = self.states()
        for part in states:
            name, pid, before = part["name"], part["pid"], self.pids.get(part["name"])
            if before and pid != before:
                _signal_group(before)  # children of a killed part would keep its port or its queue
            if before and pid not in (0, before):
                say(f"{name} died and was started again (pid {pid})")
            if pid:
                self.pids[name] = pid
        self.failing = {part["name"] for part in states if part["statename"] in FAILING}
        _note({"up": os.getpid(), "supervisord": self.process.pid} | self.pids)
        return all(part["statename"] == "RUNNING" for part in states)

    def _call(self, method: str, *args):
        from supervisor.xmlrpc import SupervisorTransport

        transport = SupervisorTransport(None, None, f"unix://{self.socket}")
        with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as server:
            return getattr(server.supervisor, method)(*args)

    def _config(self) -> str:
        workers = os.environ.get("REDPACKET_WEB_WORKERS") or str(min(os.cpu_count() or 1, 8))
        python = [sys.executable, "-m"]
        web = f"""granian --interface wsgi --host 127.0.0.1 --port {PORT} --workers {workers}
            --blocking-threads 8 --no-ws --workers-kill-timeout 10 --respawn-failed-workers
            --respawn-interval 0.5 --log-level warning redpacket_site.wsgi:application"""
        worker = """celery -A redpacket_site worker --concurrency 2 --without-gossip
            --without-mingle -O fair --loglevel WARNING"""
        beat = "celery -A redpacket_site beat --pidfile= --loglevel WARNING"
        app = {"web": web, "worker": worker, "beat": beat}
        parts = [
            f"""[supervisord]
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
programs={",".join(app)}
"""
        ]
        if self.servers:
            parts.append(_program("mariadb", self.servers.mariadb_command(), 1, True))
            parts.append(_program("redis", self.servers.redis_command(), 1, True))
        parts += [_program(name, python + line.split(), 10, False) for name, line in app.items()]
        return "".join(parts)


def _program(name: str, command: list[str], priority: int, autostart: bool) -> str:
    """Low priorities start first and stop last: the servers outlive those who use them."""
    return f"""[program:{name}]
command={_plain(shlex.join(command))}
directory={_plain(ROOT)}
priority={priority}
autostart={str(autostart).lower()}
autorestart=true
startsecs=1
startretries=1000
stopwaitsecs=15
stopasgroup=false
killasgroup=true
redirect_stderr=true
stdout_logfile=logs/{name}.log
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=2
"""


def _plain(value: object) -> str:
    """supervisord would expand a % in its settings."""
    return str(value).replace("%", "%%")


def _check(stack: str) -> None:
    """What cannot work is refused before anything is made, in one clear line."""
    if stack not in ("embedded", "full"):
        sys.exit(f"STACK={stack}: it is embedded or full.")
    if os.environ.get("REDPACKET_ENV", "development") == "production":
        sys.exit(
            "REDPACKET_ENV=production: `make up` is for development; deploy/ shows production."
        )
    workers = os.environ.get("REDPACKET_WEB_WORKERS") or "1"
    if not re.fullmatch(r"[1-9][0-9]?", workers):
        sys.exit(f"REDPACKET_WEB_WORKERS={workers}: it must be a number from 1 to 99.")
    for folder in (DATA, ROOT):
        if re.search(r"\s[;#]|[\r\n]", str(folder)):
            sys.exit(f"{folder}: a folder's name may not have ';' or '#' after a space here.")
    if found := _left_behind():
        name, pid = next(iter(found.items()))
        sys.exit(f"Already running here ({name} has pid {pid}); `make down` stops it.")
    if not re.fullmatch(r"[0-9]{1,5}", PORT) or not 0 < int(PORT) < 65536:
        sys.exit(f"PORT={PORT}: it must be a number from 1 to 65535.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", int(PORT)))
        except PermissionError:
            sys.exit(f"Port {PORT} needs root; choose another one: PORT=8001 make up")
        except OSError:
            sys.exit(f"Port {PORT} is taken; choose another one: PORT=8001 make up")


def _make_folders() -> None:
    try:
        for folder in (RUN, LOGS, KEYS, RUN / "metrics"):
            folder.mkdir(parents=True, exist_ok=True)
        for old in (RUN / "metrics").glob("*.db"):
            old.unlink()
    except OSError as error:
        sys.exit(f"REDPACKET_DATA_DIR={DATA}: {error.strerror} ({error.filename}).")


def _tell_commands(environment: dict[str, str]) -> None:
    """manage.py reads it, so that commands talk to what runs here."""
    names = ("REDPACKET_DATABASE_URL", "REDPACKET_REDIS_URL", "REDPACKET_BROKER_URL")
    told = {name: environment[name] for name in names if environment.get(name)}
    (RUN / "stack.json").touch(mode=0o600)
    (RUN / "stack.json").write_text(json.dumps(told))


def _manage(command: str, environment: dict[str, str], *args: str) -> str:
    done = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), command, *args],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,  # Ctrl-C is for us
    )
    if done.returncode:
        # A setting that cannot be used is one line, without Django's frame around it.
        issues = re.findall(r"^(?:\?: \(\S+\)|CommandError:) (.+)$", done.stderr, re.M)
        sys.exit("\n".join(issues) or f"{done.stderr}manage.py {command} failed.")
    sys.stderr.write(done.stderr)
    return done.stdout


def _answers(url: str) -> bool:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with suppress(OSError), direct.open(url, timeout=2) as answer:
        return answer.status == 200
    return False


def _tail(name: str) -> str:
    with suppress(OSError):
        return "\n".join((LOGS / f"{name}.log").read_text(errors="replace").splitlines()[-5:])
    return ""


def _introduce(staff: dict, tokens: list[str]) -> None:
    say(f"API      {BASE}/api/v1      docs {BASE}/api/docs")
    say(f"admin    {BASE}/admin/")
    say(f"  staff  {staff['username']}  password {staff['password']}")
    say(f"  TOTP   {staff['totp_secret']}")
    for role, person in staff.get("roles", {}).items():
        say(f"  {role}: {person['username']}  same password  TOTP {person['totp_secret']}")
    for user, token in zip(USERS, tokens, strict=True):
        say(f"token {user}: {token}")
    key = os.environ.get("REDPACKET_SERVICE_KEY") or (KEYS / "service_key").read_text()
    say(f"service key: {key}")


def _leave(number: int, _frame) -> None:
    sys.exit(0)


def _note(pids: dict[str, int]) -> None:
    """What runs, with the moment each was born: a pid alone may be somebody else's by tomorrow."""
    lines = [f"{name} {pid} {born}" for name, pid in pids.items() if (born := _born(pid))]
    half = NOTED.with_suffix(".half")
    half.write_text("\n".join(lines))
    half.replace(NOTED)


def _left_behind() -> dict[str, int]:
    """What was noted and is still there: the process, or children in the group that it led."""
    try:
        noted = [line.split() for line in NOTED.read_text().splitlines()]
    except OSError:
        return {}
    return {name: int(pid) for name, pid, born in noted if _is_there(name, int(pid), born)}


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


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _signal_group(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


if __name__ == "__main__":
    word = sys.argv[1] if len(sys.argv) > 1 else "embedded"
    if word == "down":
        down()
    else:
        up(word)
