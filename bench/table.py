"""Print the ratios of bench/results that have a floor and a goal.

python bench/table.py        (`make bench` measures them first)
"""

import json
from collections.abc import Iterator
from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "results"


def main() -> None:
    print(f"{'':64} {'median':>8} {'least':>8} {'most':>8} {'floor':>6} {'goal':>6}")
    for file in sorted(RESULTS.glob("*.json")):
        for name, ratio in goals(json.loads(file.read_text())):
            print(line(f"{file.stem}: {name}", ratio))


def goals(found: dict, name: str = "") -> Iterator[tuple[str, dict]]:
    """Every ratio with a goal, wherever in a file it stands, by its own name or that of what it
    is the ratio of."""
    for key, value in found.items():
        if isinstance(value, dict):
            if "goal" in value:
                yield name if key == "ratio" else key, value
            else:
                yield from goals(value, key)


def line(name: str, ratio: dict) -> str:
    least, most = ratio["spread"]
    figures = f"{ratio['median']:8} {least:8} {most:8} {ratio['floor']:6} {ratio['goal']:6}"
    return f"{name:64} {figures}  {reached(ratio)}"


def reached(ratio: dict) -> str:
    """Less is better where the goal is below the floor."""
    sign = 1 if ratio["goal"] > ratio["floor"] else -1
    for name in ("goal", "floor"):
        if ratio["median"] * sign >= ratio[name] * sign:
            return name
    return "below the floor"


if __name__ == "__main__":
    main()
