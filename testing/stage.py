"""What benches and pictures stand on: the product, set up in a folder that is gone afterwards; what
they are asked for, rounds, and what the kernel says of processes."""

import argparse
import atexit
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CHILD_OF = "HONGBAO_STAGE"  # a child works in its parent's


def folder() -> Path:
    if CHILD_OF not in os.environ:
        os.environ[CHILD_OF] = tempfile.mkdtemp(prefix="hongbao-bench-")
        atexit.register(shutil.rmtree, os.environ[CHILD_OF], ignore_errors=True)
    return Path(os.environ[CHILD_OF])


def set_up(**environment: str) -> None:
    """Django with the product's settings, but for these; before anything of the product."""
    os.environ |= {
        "REDPACKET_DATA_DIR": str(folder()),
        "REDPACKET_THROTTLE": "off",
        "REDPACKET_BROKER_URL": "memory://",
        "REDPACKET_LOG_LEVEL": "ERROR",
        "DJANGO_SETTINGS_MODULE": "redpacket_site.settings",
        **environment,
    }
    import django

    django.setup()


def asked(doc: str | None, **numbers: int) -> argparse.Namespace:
    """Numbers that the command line may give: `--rounds 5`."""
    parser = argparse.ArgumentParser(description=doc)
    for name, number in numbers.items():
        parser.add_argument(f"--{name}", type=int, default=number)
    return parser.parse_args()


def migrate() -> None:
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def rounds(number: int, until: float = math.inf) -> Iterator[int]:
    """0, 1, 2 ...; says when each is over. None is begun that would end after `until`."""
    for one in range(number):
        began = time.monotonic()
        yield one
        print(f"round {one + 1} of {number}", file=sys.stderr, flush=True)
        if 2 * time.monotonic() - began > until:
            return


def child(script: str, *words: str) -> dict:
    """What the script prints in a process of its own: memory is measured from the beginning."""
    command = [sys.executable, script, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def peak_kb() -> int:
    """The most memory this process had. ru_maxrss of a child begins with its parent's."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


def cpu_s(pid: int) -> float:
    """What a process's threads have used; the kernel counts it in nanoseconds."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def database_cpu_s() -> float:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT @@pid_file")
        return cpu_s(int(Path(cursor.fetchone()[0]).read_text()))
