"""Private MariaDB and Redis on unix sockets: for `make up STACK=full`, the tests and the benches.

    python ops/servers.py with [--throwaway] [--oceanbase] [--rabbitmq] -- COMMAND ...

starts both in a temporary folder, runs COMMAND with REDPACKET_DATABASE_URL and REDPACKET_REDIS_URL
set, and stops both. --throwaway does not wait for the disk: for tests, never for a bench.
--oceanbase has OceanBase in MariaDB's place (oceanbase.py); --rabbitmq adds RabbitMQ, and sets
REDPACKET_BROKER_URL (rabbitmq.py).
"""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).parent))
from oceanbase import OceanBase
from rabbitmq import RabbitMQ

DATABASE = ACCOUNT = "hongbao"
SOCKETS = ("mariadb.sock", "redis.sock", "oceanbase.sock")
SOCKET_PATH_MAX = 100  # the kernel takes 107 bytes
WAIT_S = 180
OWN_ALONE = "user default on nopass ~* &* +@all -flushall -client|pause -shutdown"
MARIADB_UMASK = {"UMASK": "0600", "UMASK_DIR": "0700"}  # it goes by its own
PRIVATE = 0o700  # runtime folders: a socket's own mode is the server's business, MariaDB's is 0777


class Servers:
    """The two servers of one data folder: how they are started, where they listen and whom they let
    in: root by its password, and the product's account with its database and nothing else."""

    def __init__(
        self,
        folder: Path,
        *,
        throwaway: bool = False,
        root_password: str = "",
        has_oceanbase: bool = False,
        has_rabbitmq: bool = False,
    ):
        self.folder, self.throwaway = folder.absolute(), throwaway
        self.is_temporary = False  # gone with the command that it was started for
        self.root_password = root_password  # of one whose accounts are made by hand
        run = self.run = self.folder / "run"
        run.mkdir(parents=True, exist_ok=True)
        run.chmod(PRIVATE)
        self.short = short_folder(run)
        if self.short != run:
            for name in SOCKETS:
                (run / name).unlink(missing_ok=True)
                (run / name).symlink_to(self.short / name)
        self.mariadb_socket = self.short / "mariadb.sock"
        self.redis_socket = self.short / "redis.sock"
        self.oceanbase = OceanBase(self.folder, self.short) if has_oceanbase else None
        self.rabbitmq = RabbitMQ(self.folder) if has_rabbitmq else None

    @property
    def environment(self) -> dict[str, str]:
        mariadb = (
            f"mysql://{ACCOUNT}:{self.passwords[ACCOUNT]}@/{DATABASE}"
            f"?unix_socket={quote(str(self.mariadb_socket))}"
        )
        return {
            "REDPACKET_DATABASE_URL": self.oceanbase.url if self.oceanbase else mariadb,
            "REDPACKET_REDIS_URL": f"unix://{quote(str(self.redis_socket))}?db=0",
            **({"REDPACKET_BROKER_URL": self.rabbitmq.url} if self.rabbitmq else {}),
        }

    @cached_property
    def passwords(self) -> dict[str, str]:
        """Of MariaDB's accounts; made once for this folder."""
        if self.root_password:
            return {"root": self.root_password}
        file = self.run / "mariadb.json"
        if not file.exists():
            made = {name: secrets.token_urlsafe(32) for name in ("root", ACCOUNT)}
            _write_private(file, json.dumps(made))
        return json.loads(file.read_text())

    def mariadb_command(self, defaults: Path | None = None) -> list[str]:
        """As the tests want it or, with a file of settings, as that says."""
        flush = "0" if self.throwaway else "1"
        own = [
            *_as_root(),
            f"--datadir={self.folder / 'mariadb'}",
            f"--socket={self.mariadb_socket}",
            f"--pid-file={self.short / 'mariadb.pid'}",
            f"--tmpdir={self.short}",  # its own: see install_mariadb
            "--skip-networking",
            f"--init-file={self.run / 'mariadb.sql'}",
            f"--secure-file-priv={self.run / 'files'}",
        ]
        if defaults:
            return [find("mariadbd"), f"--defaults-file={defaults}", *own]
        return [
            find("mariadbd"),
            "--no-defaults",
            *own,
            "--character-set-server=utf8mb4",
            "--transaction-isolation=READ-COMMITTED",
            "--innodb-buffer-pool-size=512M",
            "--innodb-log-file-size=256M",
            f"--innodb-flush-log-at-trx-commit={flush}",
            "--max-connections=300",
        ]

    def redis_command(self) -> list[str]:
        return [
            find("redis-server"),
            *("--port", "0", "--unixsocket", str(self.redis_socket), "--unixsocketperm", "700"),
            *("--dir", str(self.folder), "--save", "", "--appendonly", "no"),
            # Tests share it, a number each: what would reach the others is refused.
            *(f"--{OWN_ALONE}".split() if self.throwaway else []),
        ]

    def commands(self) -> dict[str, tuple[list[str], dict[str, str]]]:
        """What is to run, by name, and what each needs in its environment."""
        database = (
            {"oceanbase": (self.oceanbase.command, {})}
            if self.oceanbase
            else {"mariadb": (self.mariadb_command(), MARIADB_UMASK)}
        )
        queues = (
            {"rabbitmq": (self.rabbitmq.command, self.rabbitmq.environment)}
            if self.rabbitmq
            else {}
        )
        return database | {"redis": (self.redis_command(), {})} | queues

    def prepare(self) -> None:
        """Make the database's folder when it is not there yet, and write down its accounts."""
        if self.rabbitmq:
            self.rabbitmq.prepare()
        if self.oceanbase:
            self.oceanbase.prepare()
            return
        (self.run / "files").mkdir(mode=PRIVATE, exist_ok=True)
        _write_private(self.run / "mariadb.sql", "".join(f"{line};\n" for line in self._accounts()))
        data = self.folder / "mariadb"
        if not (data / "mysql").is_dir():
            install_mariadb(data)

    def _accounts(self) -> list[str]:
        """SQL that MariaDB runs at each start before it lets anybody in; also puts a folder right
        that was made with a root without a password."""
        lines = [
            "DELETE FROM mysql.global_priv WHERE User IN ('', 'mysql')"
            " OR User = 'root' AND Host <> 'localhost'",
            "FLUSH PRIVILEGES",
            f"ALTER USER root@localhost IDENTIFIED BY '{self.passwords['root']}'",
        ]
        if password := self.passwords.get(ACCOUNT):
            whom = f"{ACCOUNT}@localhost"
            lines += [
                f"CREATE DATABASE IF NOT EXISTS {DATABASE} CHARACTER SET utf8mb4",
                f"CREATE USER IF NOT EXISTS {whom}",
                f"ALTER USER {whom} IDENTIFIED BY '{password}'",
                f"GRANT ALL ON {DATABASE}.* TO {whom}",
            ]
        if self.is_temporary:  # a bench measures beside databases of other sizes
            lines.append(f"GRANT ALL ON `{DATABASE}\\_%`.* TO {whom}")
        if self.throwaway:  # tests make databases of their own, and look at who waits for a lock
            lines += [f"GRANT ALL ON `test\\_%`.* TO {whom}", f"GRANT PROCESS ON *.* TO {whom}"]
        return lines

    def wait(self) -> None:
        """Until all answer."""
        if self.oceanbase:
            self.wait_for([*self.oceanbase.client(find("mariadb")), "--execute=SELECT 1"])
            self.oceanbase.make_database(find("mariadb"))
        else:
            self.wait_for_mariadb()
        self.wait_for([find("redis-cli"), "-s", str(self.redis_socket), "ping"])
        if self.rabbitmq:
            self.wait_for(self.rabbitmq.ping())

    def wait_for_mariadb(self) -> None:
        socket = f"--socket={self.mariadb_socket}"
        self.wait_for([find("mariadb-admin"), "--no-defaults", socket, "ping"])
        self.mariadb_socket.chmod(0o600)  # until it is started again; its folder is private anyway

    @staticmethod
    def wait_for(*commands: list[str]) -> None:
        until = time.monotonic() + WAIT_S
        for command in commands:
            while subprocess.run(command, capture_output=True, check=False).returncode:
                if time.monotonic() > until:
                    sys.exit(f"{command[0]} did not come up within {WAIT_S} s; see the logs.")
                time.sleep(0.1)


def install_mariadb(data: Path) -> None:
    """Make a database's folder. A starting server sweeps temporary tables out of the folder for
    such, whoever's they are: this one has a folder of its own."""
    # It is a shell script that does not quote: a link stands for a folder with spaces.
    with tempfile.TemporaryDirectory(prefix="hongbao-") as plain:
        link = Path(plain) / "data"
        link.symlink_to(data.parent)
        command = [
            find("mariadb-install-db"),
            "--no-defaults",
            *_as_root(),
            f"--datadir={link / data.name}",
            "--auth-root-authentication-method=socket",
            "--skip-test-db",
        ]
        own = os.environ | MARIADB_UMASK | {"TMPDIR": plain}
        done = subprocess.run(command, env=own, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"mariadb-install-db failed:\n{done.stdout[:2000]}{done.stderr[:2000]}")


def short_folder(run: Path) -> Path:
    """Where sockets go: `run`, or a folder of its own under /tmp when that path is too long."""
    if len(bytes(run / "supervisor.sock.12345")) <= SOCKET_PATH_MAX:
        return run
    link = run / "short"
    if not link.is_dir():
        link.unlink(missing_ok=True)
        link.symlink_to(tempfile.mkdtemp(prefix="hongbao-"))
    return link.resolve()


def remove_sockets(run: Path) -> None:
    """What short_folder() and servers that were killed leave behind."""
    for name in SOCKETS:
        (run / name).unlink(missing_ok=True)
    if (run / "short").is_symlink():
        shutil.rmtree((run / "short").resolve(), ignore_errors=True)
        (run / "short").unlink()


def _write_private(file: Path, text: str) -> None:
    half = file.with_suffix(".half")
    half.unlink(missing_ok=True)
    half.touch(mode=0o600)
    half.write_text(text)
    half.replace(file)


def find(program: str) -> str:
    """Debian keeps servers in /usr/sbin, which is not on everybody's PATH."""
    found = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    return found or sys.exit(f"{program} is not installed; ops/setup.sh full installs it.")


def _as_root() -> list[str]:
    return ["--user=root"] if os.geteuid() == 0 else []


def run_with(command: list[str], **wanted: bool) -> int:
    """Run a command beside fresh servers; its exit code."""
    folder = Path(tempfile.mkdtemp(prefix="hongbao-"))
    servers = Servers(folder, **wanted)
    servers.is_temporary = True
    servers.prepare()
    started: list[subprocess.Popen] = []
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        for name, (line, own) in servers.commands().items():
            log = (folder / f"{name}.log").open("wb")
            # A session of their own: Ctrl-C is for the command, the servers are stopped after it.
            started.append(
                subprocess.Popen(
                    line,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    umask=0o077,
                    env=os.environ | own,
                )
            )
        servers.wait()
        return subprocess.run(command, env=os.environ | servers.environment, check=False).returncode
    except KeyboardInterrupt:
        return 130
    finally:
        for process in started:
            process.terminate()
        for process in started:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
        if servers.rabbitmq:
            servers.rabbitmq.end_directory()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    words = sys.argv[1:]
    if words[:1] != ["with"] or "--" not in words:
        sys.exit(__doc__)
    at = words.index("--")
    given = words[:at]
    sys.exit(
        run_with(
            words[at + 1 :],
            throwaway="--throwaway" in given,
            has_oceanbase="--oceanbase" in given,
            has_rabbitmq="--rabbitmq" in given,
        )
    )
