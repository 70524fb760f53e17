"""A private OceanBase on a unix socket: the server that pylibseekdb brings.

    python ops/oceanbase.py hold FOLDER

starts it there and keeps it until told to stop. By its own choice it ends with whoever opened it,
and listens on no port; that the folder is private keeps everybody else out.
"""

import os
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

DATABASE = "hongbao"
MEMORY = "2G"
# It would tell its makers that it has been started.
QUIET = {"TELEMETRY_ENABLED": "false"}


class OceanBase:
    """The server of one data folder; its socket is met by a short link (kernels take 107 bytes)."""

    def __init__(self, folder: Path, short: Path):
        self.folder, self.socket = folder / "oceanbase", short / "oceanbase.sock"

    @property
    def url(self) -> str:
        return f"oceanbase://root@/{DATABASE}?unix_socket={quote(str(self.socket))}"

    @property
    def command(self) -> list[str]:
        if not find_spec("pylibseekdb"):
            sys.exit("pylibseekdb is not installed; ops/setup.sh oceanbase installs it.")
        return [sys.executable, str(Path(__file__)), "hold", str(self.folder)]

    def prepare(self) -> None:
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.socket.unlink(missing_ok=True)
        self.socket.symlink_to(self.folder / "run" / "sql.sock")

    def client(self, program: str) -> list[str]:
        return [program, "--no-defaults", f"--socket={self.socket}", "--user=root"]

    def make_database(self, program: str) -> None:
        statements = (
            f"ALTER SYSTEM SET memory_budget = '{MEMORY}';"
            f"CREATE DATABASE IF NOT EXISTS {DATABASE} DEFAULT CHARACTER SET utf8mb4"
        )
        subprocess.run([*self.client(program), "-e", statements], check=True)


def hold(folder: str) -> None:
    os.environ.update(QUIET)
    import pylibseekdb

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    server = pylibseekdb.open(db_dir=folder)
    try:
        while True:
            signal.pause()
    finally:
        server.close()


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] != "hold":
        sys.exit(__doc__)
    hold(sys.argv[2])
