"""An export as its reader sees it, and a long one a step at a time."""

import csv
import io

import openpyxl
from django.utils import timezone

from office.export import jobs as export
from office.models import ExportJob
from testing import desk, make
from wallets.models import LedgerLine


def taken_out(sitting, model, format: str = "csv", query: str = "", **headers):
    return sitting.post(f"{desk.list_of(model)}export/{query}", {"format": format}, headers=headers)


def read_csv(answer) -> list[dict]:
    content = b"".join(answer)
    assert content.startswith(b"\xef\xbb\xbf")
    return rows_of(content)


def rows_of(content: bytes) -> list[dict]:
    table, _empty, _about = content.decode("utf-8-sig").partition("\r\n\r\n")
    return list(csv.DictReader(io.StringIO(table)))


def about_of(content: bytes, format: str) -> dict:
    """What a file says of itself."""
    if format == "xlsx":
        return dict(openpyxl.load_workbook(io.BytesIO(content)).worksheets[-1].values)
    foot = content.decode("utf-8-sig").partition("\r\n\r\n")[2]
    return dict(line[0].split(": ", 1) for line in csv.reader(io.StringIO(foot)))


def read_xlsx(answer) -> list[tuple]:
    content = b"".join(answer)
    return [tuple(row) for row in openpyxl.load_workbook(io.BytesIO(content)).active.values]


def many(number: int = 7) -> list[str]:
    names = [f"w{at:02}" for at in range(number)]
    for name in names:
        make.make_wallet(name, "0.01")
    return names


def write_to_the_end(job: ExportJob) -> int:
    steps = 0
    while export.write(job_id=job.pk, now=timezone.now()):
        steps += 1
    job.refresh_from_db()
    return steps


def written(job: ExportJob) -> bytes:
    return b"".join(export.download(job))


def begun(sitting, format: str = "csv", number: int = 7) -> ExportJob:
    many(number)
    taken_out(sitting, LedgerLine, format)
    return ExportJob.objects.get()
