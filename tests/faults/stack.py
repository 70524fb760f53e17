"""The product and its servers as processes of one folder, each of which can be hurt.

MariaDB, Redis and a broker of its own (a second Redis), a wire to each, web, worker and beat. What
dies by itself is started again within a second, as a supervisor does; whoever kills a part says
when it is.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "ops"))
from servers import MARIADB_UMASK, Servers, find
from supervise import answers

DISK_MB = 700
UP_S = 120
SERVERS = ("mariadb", "redis", "broker")
PROGRAMS = {
    "web": """granian --interface wsgi --host 127.0.0.1 --port {port} --workers 2
        --blocking-threads 8 --no-ws --respawn-failed-workers --respawn-interval 0.5
        --log-level warning redpacket_site.wsgi:application""",
    "worker": """celery -A redpacket_site worker --concurrency 2 --without-gossip
        --without-mingle -O fair --loglevel WARNING""",
    "beat": "celery -A redpacket_site beat --pidfile= --loglevel WARNING",
}
APP = tuple(PROGRAMS)


class Part:
    """One program and the children in its group."""

    def __init__(
        self,
        name: str,
        command: list[str],
        log: Path,
        environment: dict[str, str],
        tree: Path = ROOT,
    ):
        self.name, self.command, self.log, self.environment = name, command, log, environment
        self.tree = tree  # whose code it runs
        self.process: subprocess.Popen | None = None
        self.is_held = False  # killed on purpose, and not started again yet
        self.revived = 0

    def start(self, **more: str) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                stdout=log,
                stderr=log,
                env=self.environment | more,
                cwd=self.tree,
                start_new_session=True,
                umask=0o077,
            )
        self.is_held = False

    def revive(self) -> None:
        """Start it again if it has ended unasked; what it left of its group goes first."""
        if self.process and not self.is_held and self.process.poll() is not None:
            self.signal(signal.SIGKILL)
            self.revived += 1
            self.start()

    def signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def kill(self) -> None:
        self.is_held = True
        self.signal(signal.SIGKILL)
        self.process.wait()

    def end(self, patience_s: float) -> bool:
        """Ask it to end and wait; whether it had to be killed."""
        self.is_held = True
        self.process.terminate()
        try:
            self.process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self.kill()
            return True
        return False

    def children(self) -> list[int]:
        """Those that do the work: not Python's own trackers of resources."""
        file = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        found = [int(pid) for pid in file.read_text().split()]
        return [pid for pid in found if b"tracker" not in Path(f"/proc/{pid}/cmdline").read_bytes()]


class Stack:
    def __init__(self, folder: Path, tree: Path = ROOT, address: int = 0):
        self.tree = tree
        self.folder, self.run = folder, folder / "run"
        self.disk = folder / "mariadb"
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.servers = Servers(folder)
        self.has_own_disk = _mount(self.disk)
        self.servers.prepare()
        real = self.servers.environment
        self.sockets = {
            "mariadb": self.servers.mariadb_socket,
            "redis": self.servers.redis_socket,
            "broker": self.run / "broker.sock",
        }
        wires = {name: self.run / f"wire-{name}.sock" for name in SERVERS}
        self.direct_database = real["REDPACKET_DATABASE_URL"]
        own = {
            "DJANGO_SETTINGS_MODULE": "redpacket_site.settings",
            "REDPACKET_DATA_DIR": str(folder / "data"),
            "REDPACKET_DATABASE_URL": self.direct_database.replace(
                quote(str(self.sockets["mariadb"])), quote(str(wires["mariadb"]))
            ),
            "REDPACKET_REDIS_URL": f"unix://{quote(str(wires['redis']))}?db=0",
            "REDPACKET_BROKER_URL": f"redis+socket://{wires['broker']}",
            "PROMETHEUS_MULTIPROC_DIR": str(self.run / "metrics"),
            "PYTHONUNBUFFERED": "1",
            "PORT": str(address or self.port),  # where channels are asked, and tell
            "REDPACKET_THROTTLE": "off",
            "REDPACKET_LOG_LEVEL": "WARNING",
            "REDPACKET_EXPIRE_S": "10",
            "REDPACKET_CHASE_S": "2",
            "REDPACKET_DRAFTS_MAX": "100000",
            "REDPACKET_ORDERS_MAX": "100000",
            "REDPACKET_AWAITING_MAX": "1000000.00",
            "REDPACKET_AWAITING_NUMBER": "100000",
            "REDPACKET_SECRET_KEY": secrets.token_hex(32),
        }
        clean = {n: v for n, v in os.environ.items() if not n.startswith(("REDPACKET_", "DJANGO_"))}
        self.environment = clean | own
        (self.run / "metrics").mkdir()
        self.parts: dict[str, Part] = {}
        self.over = threading.Event()
        self._commands(wires)

    def _commands(self, wires: dict[str, Path]) -> None:
        # Small, so that a full disk is soon full and a start after a kill soon done.
        small = ("--innodb-log-file-size=48M", "--innodb-buffer-pool-size=128M")
        broker = self.servers.redis_command()
        broker[broker.index("--unixsocket") + 1] = str(self.sockets["broker"])
        lines = {
            "mariadb": [*self.servers.mariadb_command(), *small],
            "redis": self.servers.redis_command(),
            "broker": broker,
        }
        for name in SERVERS:
            wire = [sys.executable, str(Path(__file__).parent / "wire.py")]
            lines[f"wire-{name}"] = [*wire, str(wires[name]), str(self.sockets[name])]
        for name, line in lines.items():
            environment = self.environment | (MARIADB_UMASK if name == "mariadb" else {})
            self.parts[name] = Part(name, line, self.run / f"{name}.log", environment)
        for name in PROGRAMS:
            self.parts[name] = self.program(name, self.tree, self.port)

    def program(self, name: str, tree: Path, port: int, called: str = "") -> Part:
        """One of ours, with the code of that tree."""
        called = called or name
        line = [sys.executable, "-m", *PROGRAMS[name].format(port=port).split()]
        return Part(called, line, self.run / f"{called}.log", self.environment, tree)

    def __getitem__(self, name: str) -> Part:
        return self.parts[name]

    def up(self) -> None:
        for name in SERVERS:
            self.start_server(name)
            self[f"wire-{name}"].start()
        for words in (("sandbox_keys",), ("migrate", "-v", "0")):
            self.manage(*words)
        for name in APP:
            self[name].start()
        wait_until(self.is_ready, "the product does not start", UP_S)
        threading.Thread(target=self._supervise, daemon=True).start()

    def _supervise(self) -> None:
        while not self.over.wait(0.5):
            for part in list(self.parts.values()):
                part.revive()

    def start_server(self, name: str) -> None:
        """Started, and answering."""
        self.sockets[name].unlink(missing_ok=True)
        self[name].start()
        self.wait_for_server(name)

    def wait_for_server(self, name: str) -> None:
        if name == "mariadb":
            self.servers.wait_for_mariadb()
        else:
            wait_until(lambda: "PONG" in self.redis(name, "PING"), f"{name} does not start", UP_S)

    def redis(self, name: str, *words: str) -> str:
        command = [find("redis-cli"), "-s", str(self.sockets[name]), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    def dump(self) -> str:
        """All tables, as SQL."""
        real = self.servers.environment["REDPACKET_DATABASE_URL"]
        parsed = urlsplit(real)
        command = [find("mariadb-dump"), f"--socket={self.sockets['mariadb']}"]
        command += [f"--user={parsed.username}", f"--password={unquote(parsed.password or '')}"]
        command += ["--single-transaction", "--skip-lock-tables", parsed.path.strip("/")]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    def manage(self, *words: str, tree: Path | None = None) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=tree or self.tree,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"manage.py {' '.join(words)}: {done.stdout}{done.stderr}")
        return done.stdout

    def is_ready(self) -> bool:
        return answers(f"{self.base}/health/ready")

    def down(self) -> None:
        self.over.set()
        servers = (*(f"wire-{name}" for name in SERVERS), *SERVERS)
        for name in (*(name for name in self.parts if name not in servers), *servers):
            if self.parts[name].process:
                self[name].signal(signal.SIGCONT)
                self[name].kill()
        if self.has_own_disk:
            subprocess.run(["umount", "--lazy", str(self.disk)], check=False)


@contextmanager
def running(tree: Path = ROOT, address: int = 0):
    """A stack of its own for as long as the block lasts; the product takes `address` for the port
    where it is found, or web's own."""
    folder = Path(tempfile.mkdtemp(prefix="hongbao-faults-"))
    stack = Stack(folder, tree, address)
    try:
        stack.up()
        yield stack
    finally:
        stack.down()
        shutil.rmtree(folder, ignore_errors=True)


def wait_until(is_so, otherwise: str, patience_s: float) -> float:
    """Until it is so; seconds that it took."""
    began = time.monotonic()
    while not is_so():
        if time.monotonic() - began > patience_s:
            raise TimeoutError(otherwise)
        time.sleep(0.05)
    return time.monotonic() - began


def _mount(folder: Path) -> bool:
    """A small disk of its own for MariaDB, where this account may make one."""
    folder.mkdir()
    size = ["-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=700", "hongbao", str(folder)]
    done = subprocess.run(["mount", *size], capture_output=True, check=False)
    return done.returncode == 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
