"""Measure two trees in turns, and write bench/results/against.json: is what came since slower?

    git worktree add ../before v1.0.0 && git worktree add ../after HEAD
    .venv/bin/python bench/against.py ../before ../after [--turns 3]

Each turn runs grab.py and settle.py of both, with the servers of this tree; the two keep their own
bench/results. Compared is what both know by one name. The yardsticks among it (empty, naive) say
how far the machine moved meanwhile; "ceiling" may have changed its meaning between the trees.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench import kept, table
from testing import stage

ROUNDS = {"grab": 2, "settle": 3}  # of each bench, each turn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--turns", type=int, default=3)
    asked = parser.parse_args()
    before, after = asked.before, asked.after
    turns = []
    for turn in stage.rounds(asked.turns):
        first, second = (before, after) if turn % 2 == 0 else (after, before)
        found = {first: medians(first), second: medians(second)}
        turns.append((found[before], found[after]))
    result = {
        "command": f"python bench/against.py BEFORE AFTER --turns {asked.turns}",
        "before": commit(before),
        "after": commit(after),
        "turns": asked.turns,
        "rounds a turn": ROUNDS,
        "figures": {
            name: {
                "before": kept.spread([old[name] for old, _ in turns]),
                "after": kept.spread([new[name] for _, new in turns]),
                "after / before": kept.spread([new[name] / old[name] for old, new in turns]),
            }
            for name in turns[0][0]
            if name in turns[0][1]
        },
    }
    kept.show(kept.keep("against", result))


def medians(tree: Path) -> dict[str, float]:
    """What the tree's benches say, measured now."""
    said = {}
    for bench, rounds in ROUNDS.items():
        served = [sys.executable, str(ROOT / "ops/servers.py"), "with", "--", sys.executable]
        command = [*served, f"bench/{bench}.py", "--rounds", str(rounds)]
        subprocess.run(command, cwd=tree, check=True, stdout=subprocess.DEVNULL)
        result = json.loads((tree / f"bench/results/{bench}.json").read_text())
        named = result["figures"].items() if "figures" in result else table.goals(result)
        said |= {f"{bench}: {name}": figure["median"] for name, figure in named}
    return said


def commit(tree: Path) -> str:
    command = ["git", "-C", str(tree), "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    main()
