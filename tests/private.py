"""What another account of this machine could get at."""

import os
import stat
import subprocess
from pathlib import Path

OPEN = stat.S_IRWXG | stat.S_IRWXO
NOBODY = 65534


def open_to_others(folder: Path) -> list[str]:
    """Files, folders and sockets that are not their owner's alone."""
    inside = [Path(at) / name for at, folders, files in os.walk(folder) for name in folders + files]
    return [f"{stat.filemode(mode)} {path}" for path in [folder, *inside] if (mode := _open(path))]


def _open(path: Path) -> int:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:  # a message that was read meanwhile
        return 0
    return mode if mode & OPEN and not stat.S_ISLNK(mode) else 0


def try_root(socket: Path, sql: str = "SELECT 1", **options) -> subprocess.CompletedProcess:
    """As root of MariaDB without a password."""
    return subprocess.run(
        ["mariadb", "--no-defaults", "-uroot", "-S", str(socket), "-N", "-e", sql],
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


def may_become_others() -> bool:
    return os.geteuid() == 0
