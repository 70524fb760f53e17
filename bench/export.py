"""Export ledger lines, ten thousand and a million, to CSV and XLSX, each in a process of its own;
write bench/results/export.json.

    python ops/servers.py with -- python bench/export.py

The process does what the worker does (office/export/jobs.py), one step behind the other. Its peak
memory is the kernel's VmHWM (ru_maxrss of a child begins with its parent's), beside it that of a
process that has only started Django, and its processor time: the clock tells how busy the
machine was.
"""

import argparse
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from testing import stage

stage.set_up()

from django.contrib import admin
from django.contrib.auth.models import User
from django.test import RequestFactory
from django.utils import timezone

from bench import asked, history, kept
from office.export import jobs as export
from office.export.files import FORMATS
from office.export.rows import filtered
from wallets.models import LedgerLine

SHARES = {10_000: 10_200, 1_000_000: 1_016_000}  # lines wanted -> shares that leave a few more


def written(format: str) -> dict:
    """Export the whole ledger; what it took."""
    model_admin = admin.site.get_model_admin(LedgerLine)
    request = RequestFactory().get("/")
    request.user = User.objects.get(username="bench")
    rows, _filters = filtered(model_admin, request)
    job = export.begin(model_admin, request, rows, "", format)
    began, cpu, steps = time.perf_counter(), time.process_time(), 1
    while export.write(job_id=job.pk, now=timezone.now()):
        steps += 1
    took_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu
    job.refresh_from_db()
    if job.state != job.State.DONE:
        raise RuntimeError(job.says)
    began_reading, read = time.process_time(), 0
    for body in export.download(job):
        read += len(body)
    read_s = time.process_time() - began_reading
    if read != job.size:
        raise RuntimeError(f"{read} of {job.size} bytes")
    return {
        "rows": job.rows,
        "s": round(took_s, 1),
        "processor s": round(cpu_s, 1),
        "steps": steps,
        "file MB": round(job.size / 1e6, 1),
        "in the database MB": round(job.stored / 1e6, 1),
        "download, processor s": round(read_s, 1),
    }


def in_a_process(format: str) -> dict:
    return stage.child(__file__, "--write", format)


def child(format: str) -> None:
    figures = {} if format == "nothing" else written(format)
    print(json.dumps(figures | {"peak MB": round(stage.peak_kb() / 1024, 1)}))


def main() -> None:
    stage.migrate()
    user = asked.staff()
    sizes = {}
    for lines, shares in SHARES.items():
        history.write(shares=shares, staff=user.pk)
        sizes[str(lines)] = {format: in_a_process(format) for format in FORMATS}
        print(lines, sizes[str(lines)], flush=True)
    result = {
        "a process that exports nothing": in_a_process("nothing"),
        "ledger lines": sizes,
    }
    kept.show(kept.keep("export", result))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--write", choices=[*FORMATS, "nothing"])
    options = parser.parse_args()
    child(options.write) if options.write else main()
