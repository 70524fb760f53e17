"""Measure every list, filter, search and page of the back office, and the API's lists, on a small
and on a big database; write bench/results/office.json.

    python ops/servers.py with -- python bench/office.py [--sizes 10000 5000000]

time    median of five requests through all middlewares by Django's test client, with the spread
rows    read by the storage engine for the request (Handler_read_*), whatever EXPLAIN guesses
queries how many, and EXPLAIN of each SELECT: a full scan or a sort of more than FEW rows is named
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from testing import stage

stage.set_up()

from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bench import asked, history, kept
from sandbox.management.commands.token import token
from wallets import accounts
from wallets.models import LedgerLine

TIMES = 5
FEW = 30_000  # rows that one page may read or sort: those of its totals twice, and some


def measured(client: Client, url: str, headers: dict) -> dict:
    def ask():
        answer = client.get(url, headers=headers)
        if answer.status_code not in (200, 302) or "?e=1" in answer.headers.get("Location", ""):
            raise RuntimeError(f"{url}: {answer.status_code} {answer.content[:300]}")

    ask()
    before = rows_read()
    ask()
    rows = rows_read() - before
    took_ms = []
    for _ in range(TIMES):
        began = time.perf_counter()
        ask()
        took_ms.append(1000 * (time.perf_counter() - began))
    with CaptureQueriesContext(connection) as captured:
        ask()
    return {
        "ms": round(statistics.median(took_ms), 1),
        "spread": [round(min(took_ms), 1), round(max(took_ms), 1)],
        "queries": len(captured),
        "rows": rows,
        "offenders": asked.offenders([query["sql"] for query in captured], FEW),
    }


def rows_read() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SHOW SESSION STATUS LIKE 'Handler_read%'")
        return sum(int(value) for _, value in cursor.fetchall())


def size(shares: int, user: User) -> dict:
    began = time.perf_counter()
    seeded = history.write(shares=shares, staff=user.pk)
    seeded_s = time.perf_counter() - began
    client = asked.desk(user)
    bearer = {"Authorization": f"Bearer {token(history.BUSY, 86_400)}"}
    pages = {name: measured(client, url, {}) for name, url in asked.of_staff(user).items()}
    pages |= {name: measured(client, url, bearer) for name, url in asked.of_the_app().items()}
    busy = LedgerLine.objects.filter(target=accounts.wallet(history.BUSY)).count()
    return {"rows": seeded, "busy lines": busy, "seeded in s": round(seeded_s), "pages": pages}


def beside(sizes: dict[int, dict]) -> dict:
    """Every page with its figures at each size."""
    names = dict.fromkeys(name for each in sizes.values() for name in each["pages"])
    return {
        name: {str(shares): each["pages"].get(name) for shares, each in sizes.items()}
        for name in names
    }


def asks_more(figures: dict) -> bool:
    """A page that shows nothing of a kind asks nothing about its rows: three queries at most."""
    first, *_, last = (each and each["queries"] for each in figures.values())
    return bool(first and last and last > first + 3)


def shown(result: dict) -> str:
    """JSON with a line for each page."""
    pages = result["pages"].items()
    head = json.dumps(result | {"pages": {}}, indent=2, ensure_ascii=False)
    lines = [f"    {json.dumps(name)}: {json.dumps(page)}" for name, page in pages]
    return head.removesuffix("{}\n}") + "{\n" + ",\n".join(lines) + "\n  }\n}\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 5_000_000])
    parser.add_argument("--out", type=Path, default=stage.ROOT / "bench/results/office.json")
    options = parser.parse_args()
    stage.migrate()
    user = asked.staff()
    sizes = {shares: size(shares, user) for shares in options.sizes}
    pages = beside(sizes)
    result = kept.surroundings() | {
        "buffer pool MB": 512,
        "sizes": {
            str(shares): {key: value for key, value in each.items() if key != "pages"}
            for shares, each in sizes.items()
        },
        "slowest ms": {
            str(shares): max((page["ms"], name) for name, page in each["pages"].items())
            for shares, each in sizes.items()
        },
        "more queries than with fewer rows": [
            name for name, figures in pages.items() if asks_more(figures)
        ],
        "offenders": {
            name: figures[str(options.sizes[-1])]
            for name, figures in pages.items()
            if figures[str(options.sizes[-1])]["offenders"]
            or figures[str(options.sizes[-1])]["rows"] > FEW
        },
        "pages": pages,
    }
    options.out.write_text(shown(result))
    for name, figures in pages.items():
        cells = [
            f"{each['ms']:8.1f} ms {each['queries']:3d} q {each['rows']:8d} r"
            for each in figures.values()
            if each
        ]
        print(f"{name[:70]:70}", " | ".join(cells))
    for name, page in result["offenders"].items():
        print("!", name, page["ms"], page["rows"], *page["offenders"], sep="\n    ")


if __name__ == "__main__":
    main()
