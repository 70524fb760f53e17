"""Two MariaDB servers, one following the other semi-synchronously, and an address that leads to the
one that writes: a link to its socket, as a proxy or a name would be on several machines."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import MySQLdb
import MySQLdb.cursors
from django.db import connection

from testing.ports import free_port

sys.path.insert(0, str(Path(__file__).parents[2] / "ops"))
from servers import find, install_mariadb

NAME = "hongbao"
PASSWORD = "of these two servers alone"
WAIT_S = 180  # a busy machine takes a minute to start one
INIT = f"""SET SESSION sql_log_bin = 0;
CREATE DATABASE IF NOT EXISTS {NAME} CHARACTER SET utf8mb4;
CREATE USER IF NOT EXISTS app@localhost IDENTIFIED BY '{PASSWORD}';
GRANT ALL ON {NAME}.* TO app@localhost;
CREATE USER IF NOT EXISTS boss@localhost IDENTIFIED BY '{PASSWORD}';
GRANT ALL ON *.* TO boss@localhost WITH GRANT OPTION;
CREATE USER IF NOT EXISTS follower@'%' IDENTIFIED BY '{PASSWORD}';
GRANT REPLICATION SLAVE ON *.* TO follower@'%';
"""


class Server:
    def __init__(self, folder: Path, number: int):
        self.socket, self.data, self.number = (
            folder / f"{number}.sock",
            folder / str(number),
            number,
        )
        self.port = free_port()
        (folder / "init.sql").write_text(INIT)
        (of_its_own := folder / f"{number}.tmp").mkdir()
        command = [
            find("mariadbd"), "--no-defaults", f"--datadir={self.data}", f"--socket={self.socket}",
            f"--tmpdir={of_its_own}", "--bind-address=127.0.0.1", f"--port={self.port}",
            f"--server-id={number}",
            f"--init-file={folder / 'init.sql'}", f"--pid-file={self.data}.pid", "--log-bin=log",
            "--log-slave-updates", "--binlog-format=ROW", "--sync-binlog=0",
            "--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=64M",
            "--character-set-server=utf8mb4", "--transaction-isolation=READ-COMMITTED",
            "--rpl-semi-sync-slave-enabled=ON",
            "--rpl-semi-sync-master-wait-point=AFTER_SYNC", "--rpl-semi-sync-master-timeout=20000",
            *(["--user=root"] if os.geteuid() == 0 else []),
        ]  # fmt: skip
        self.process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=(folder / f"{number}.log").open("wb")
        )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def is_there(self) -> bool:
        try:
            return bool(self.ask("SELECT 1"))
        except MySQLdb.Error:
            return False

    def ask(self, *statements: str) -> tuple:
        session = MySQLdb.connect(
            unix_socket=str(self.socket), user="boss", password=PASSWORD, autocommit=True
        )
        try:
            with session.cursor(MySQLdb.cursors.DictCursor) as cursor:
                for statement in statements:
                    cursor.execute(statement)
                return cursor.fetchall()
        finally:
            session.close()

    def follow(self, other: "Server") -> None:
        self.ask(
            "SET GLOBAL read_only = 1",
            f"CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = {other.port},"
            f" MASTER_USER = 'follower', MASTER_PASSWORD = '{PASSWORD}',"
            " MASTER_CONNECT_RETRY = 1, MASTER_USE_GTID = slave_pos",
            "START SLAVE",
        )

    def lead(self) -> None:
        """Once it has done all that it was told of."""
        self.ask("STOP SLAVE IO_THREAD")
        until(lambda: _is_through(*self.ask("SHOW SLAVE STATUS")))
        self.ask("STOP SLAVE", "RESET SLAVE ALL", "SET GLOBAL read_only = 0")


class Pair:
    def __init__(self, folder: Path):
        install_mariadb(folder / "1")
        shutil.copytree(folder / "1", folder / "2")
        self.primary, self.replica = Server(folder, 1), Server(folder, 2)
        self.address = folder / "address.sock"
        until(lambda: self.primary.is_there() and self.replica.is_there())
        self.point_to(self.primary)
        # There alone: who waits for followers and has none takes the whole time-out to commit.
        self.primary.ask("SET GLOBAL rpl_semi_sync_master_enabled = ON")
        self.replica.follow(self.primary)
        until(lambda: self._clients() == 1)

    def _clients(self) -> int:
        (found,) = self.primary.ask("SHOW STATUS LIKE 'Rpl_semi_sync_master_clients'")
        return int(found["Value"])

    def point_to(self, server: Server) -> None:
        beside = self.address.with_suffix(".new")
        beside.symlink_to(server.socket)
        beside.replace(self.address)

    def kill_and_fail_over(self) -> None:
        self.primary.kill()
        self.replica.lead()
        self.point_to(self.replica)

    def take_away_writes(self) -> None:
        self.primary.ask("SET GLOBAL read_only = 1")

    def switch_over(self, *, is_safe: bool = True) -> None:
        """As it is done by hand: nobody is cut off, and the old one goes on answering reads. Not
        safe: the old one is not told, and what it has is not waited for."""
        if is_safe:
            self.take_away_writes()
            (done,) = self.primary.ask("SELECT @@gtid_binlog_pos AS at")
            self.replica.ask(f"SELECT MASTER_GTID_WAIT('{done['at']}', {WAIT_S})")
        self.replica.lead()
        self.point_to(self.replica)


@contextmanager
def pair_of_servers() -> Iterator[Pair]:
    """With the product's connections led there, to a copy of this worker's database."""
    folder = Path(tempfile.mkdtemp(prefix="hongbao-"))
    pair = Pair(folder)
    try:
        with led_to(pair.address, pair.primary):
            yield pair
    finally:
        for server in (pair.primary, pair.replica):
            server.kill()
        shutil.rmtree(folder)


@contextmanager
def led_to(address: Path, server: Server) -> Iterator[None]:
    """Inside, the product's connections go by this address, to a copy of this worker's database."""
    own = connection.settings_dict
    kept = {name: own[name] for name in ("NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS")}
    _copy(kept, server)
    connection.close()
    there = {"unix_socket": str(address)}
    own.update(NAME=NAME, USER="app", PASSWORD=PASSWORD, OPTIONS=kept["OPTIONS"] | there)
    try:
        yield
    finally:
        connection.close()
        own.update(kept)


def _copy(source: dict, target: Server) -> None:
    command = [
        find("mariadb-dump"), "--no-defaults", "--no-tablespaces", "--single-transaction",
        f"--socket={source['OPTIONS']['unix_socket']}", f"--user={source['USER']}", source["NAME"],
    ]  # fmt: skip
    there = [
        find("mariadb"), "--no-defaults", f"--socket={target.socket}", "--user=boss", NAME,
    ]  # fmt: skip
    of_source, of_target = ({"MYSQL_PWD": word} for word in (source["PASSWORD"], PASSWORD))
    dump = subprocess.run(command, env=os.environ | of_source, capture_output=True, check=True)
    subprocess.run(there, env=os.environ | of_target, input=dump.stdout, check=True)


def _is_through(status: dict) -> bool:
    """Whether what was read from the other server's log has been done here."""
    done = (status["Relay_Master_Log_File"], status["Exec_Master_Log_Pos"])
    return done == (status["Master_Log_File"], status["Read_Master_Log_Pos"])


def until(is_so) -> None:
    end = time.monotonic() + WAIT_S
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.05)
