"""What a bench leaves behind: a file of bench/results that tells of its surroundings, too."""

import json
import os
import platform
import statistics
import sys
from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "results"
_before = os.getloadavg()


def keep(name: str, found: dict) -> dict:
    """Write what was found to bench/results/<name>.json; with its command, machine and load."""
    result = surroundings() | found
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(result, indent=2, ensure_ascii=False)
    (RESULTS / f"{name}.json").write_text(f"{text}\n")
    return result


def show(result: dict) -> None:
    print(json.dumps(result, indent=2, ensure_ascii=False))


def surroundings() -> dict:
    script = Path(sys.argv[0]).name
    return {
        "command": " ".join(
            ["python ops/servers.py with -- python", f"bench/{script}", *sys.argv[1:]]
        ),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python "
        f"{platform.python_version()}; everything on the same cores",
        "load average": {
            "before": round(_before[0], 1),
            "after": round(os.getloadavg()[0], 1),
        },
        "durability": "innodb_flush_log_at_trx_commit=1",
    }


def spread(values: list[float], digits: int = 2) -> dict:
    return {
        "median": round(statistics.median(values), digits),
        "spread": [round(min(values), digits), round(max(values), digits)],
    }
