"""A list as somebody has filtered it, as a file: at once when it is short, else written a chunk at
a time by the worker while its page shows how far it is.

Rows are read behind the last key seen, so a million of them need no more memory than a page.
"""
# Long: the life of a job from the click to the file, which one reads at once.

import contextlib
import json
import secrets
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import structlog
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db import OperationalError, models, transaction
from django.db.models import QuerySet
from django.http import (
    FileResponse,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
    QueryDict,
)
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from kit import later, lease, replica
from kit.bulkhead import Bulkhead
from kit.http import address
from kit.money import MoneyField
from kit.moves import move
from office.export import sheets
from office.export.sheets import Column
from office.frame import dossier, staff
from office.frame.lists import BEFORE
from office.models import ExportJob, StaffAction

PERMISSION = "office.export"
FORMATS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
DIRECT = 5_000  # rows; more than that go to the worker
PAGE = 2_000
STEP_S = 8  # of writing; then the job says how far it is
LEASE_S = 60  # longer than a task may live
KEPT = timedelta(days=1)
_PLACES = ("p", "e", BEFORE)  # of a page within its list

log = structlog.get_logger(__name__)
# Files that a request makes or reads itself: a worker's threads are not the grab's.
files = Bulkhead("files", "REDPACKET_FILES_AT_ONCE")


# --- what is written


def columns_of(model_admin) -> list[Column]:
    """Every column of the model that may be shown, in words."""
    fields = [
        field
        for field in model_admin.model._meta.concrete_fields
        if field.editable
        and field.name not in model_admin.export_hidden
        and not isinstance(field, models.BinaryField)
    ]
    told = model_admin.export_told
    return [
        Column(str(field.verbose_name), told[field.name]) if field.name in told else _column(field)
        for field in fields
    ]


def _column(field: models.Field) -> Column:
    name, title = field.name, str(field.verbose_name)
    if isinstance(field, models.ForeignKey):
        return Column(title, lambda row: "" if (v := getattr(row, name)) is None else str(v))
    if field.choices:
        return Column(title, lambda row: str(getattr(row, f"get_{name}_display")()))
    if isinstance(field, models.JSONField):
        return Column(title, lambda row: json.dumps(getattr(row, name), ensure_ascii=False))
    if isinstance(field, models.BooleanField):
        return Column(title, lambda row: _("yes") if getattr(row, name) else _("no"))
    kinds = {
        MoneyField: "money",
        models.DateTimeField: "time",
        models.DateField: "date",
        models.IntegerField: "number",
        models.FloatField: "number",
    }
    kind = next((kind for type_, kind in kinds.items() if isinstance(field, type_)), "text")
    return Column(title, lambda row: getattr(row, name), kind)


def filtered(model_admin, request) -> QuerySet:
    """What the list shows under the request's filters. Raises IncorrectLookupParameters."""
    related = [
        field.name
        for field in model_admin.model._meta.concrete_fields
        if isinstance(field, models.ForeignKey) and field.name not in model_admin.export_hidden
    ]
    rows = model_admin.get_changelist_instance(request).filtered
    return rows.prefetch_related(*related)  # not joined: see KeysetChangeList


def pages(model_admin, rows: QuerySet, after=None) -> Iterator[list]:
    """The rows in the list's order, a page at a time, behind the key `after`."""
    is_descending = model_admin.ordering[0].startswith("-")
    rows = rows.order_by("-pk" if is_descending else "pk")
    beyond = "pk__lt" if is_descending else "pk__gt"
    while True:
        with replica.reads():
            page = list((rows if after is None else rows.filter(**{beyond: after}))[:PAGE])
            model_admin.prepare(page)
        if not page:
            return
        yield page
        after = page[-1].pk


# --- at once


def view(model_admin, request):
    """POST with the list's own filters in the address and `format` in the body."""
    if not (request.user.has_perm(PERMISSION) and model_admin.has_view_permission(request)):
        raise PermissionDenied
    format = request.POST.get("format")
    if request.method != "POST" or format not in FORMATS:
        return HttpResponseNotAllowed(["POST"])
    query = query_of(request.GET)
    request.GET = QueryDict(query)
    try:
        rows = filtered(model_admin, request)
        is_long = rows.values("pk")[: DIRECT + 1].count() > DIRECT
    except IncorrectLookupParameters:
        return HttpResponseRedirect(dossier.list_of(model_admin.model))
    if is_long:
        job = begin(model_admin, request, rows, query, format)
        return HttpResponseRedirect(dossier.page_of(job))
    with files.seat():
        with transaction.atomic(durable=True):
            _note(request, model_admin, query, format)
        if format == "csv":
            # Not streamed: its seat would be kept by whoever reads slowly.
            content = b"".join(_csv(model_admin, rows))
            return _named(HttpResponse(content), model_admin.model, format)
        return _xlsx(model_admin, rows)


def query_of(given: QueryDict) -> str:
    """A list's filters without the place in it."""
    kept = given.copy()
    for name in _PLACES:
        kept.pop(name, None)
    return kept.urlencode()


def _csv(model_admin, rows) -> Iterator[bytes]:
    columns = model_admin.export_columns()
    yield sheets.csv_head(columns)
    for page in pages(model_admin, rows):
        yield sheets.csv_rows(columns, page)


def _xlsx(model_admin, rows):
    columns, number = model_admin.export_columns(), 2
    with tempfile.TemporaryDirectory() as folder:
        part, book = Path(folder, "part"), Path(folder, "book")
        with part.open("wb") as file:
            for page in pages(model_admin, rows):
                file.write(sheets.xlsx_rows(columns, page, number))
                number += len(page)
        sheets.xlsx(book, columns, _title(model_admin), [part])
        # Open before the folder goes: the file lives until it is closed.
        return _named(FileResponse(book.open("rb")), model_admin.model, "xlsx")


def _title(model_admin) -> str:
    return str(model_admin.opts.verbose_name_plural)


def _named(response, model, format: str, at: datetime | None = None):
    stamp = timezone.localtime(at).strftime("%Y%m%d-%H%M%S")
    response["Content-Type"] = FORMATS[format]
    response["Content-Disposition"] = (
        f'attachment; filename="{model._meta.model_name}-{stamp}.{format}"'
    )
    response["Cache-Control"] = "no-store"
    return response


def _note(request, model_admin, query: str, format: str, key: str = "") -> None:
    """Who took which rows out of the house."""
    StaffAction.objects.create(
        user=request.user,
        action="export",
        model=staff.model_name(model_admin.model),
        key=key,
        subject=_title(model_admin)[:128],
        reason=f"{format} {query}"[:255],
        ip=address.of(request),
        created_at=timezone.now(),
    )


# --- by the worker


def begin(model_admin, request, rows: QuerySet, query: str, format: str) -> ExportJob:
    """Queue a long one."""
    is_descending = model_admin.ordering[0].startswith("-")
    keys = rows.values_list("pk", flat=True)
    first, until = keys.order_by("-pk").first(), keys.order_by("pk").first()
    if not is_descending:
        first, until = until, first
    now = timezone.now()
    with transaction.atomic(durable=True):
        job = ExportJob.objects.create(
            token=secrets.token_hex(16),
            user=request.user,
            model=staff.model_name(model_admin.model),
            query=query,
            format=format,
            language=translation.get_language() or settings.LANGUAGE_CODE,
            first=str(first),
            until=str(until),
            run_at=now,
            created_at=now,
        )
        _note(request, model_admin, query, format, key=str(job.pk))
        transaction.on_commit(lambda: later.run("kit.write_export", job.pk))
    return job


def write(*, job_id: int, now: datetime) -> bool:
    """Write on for STEP_S seconds; True when there is more to write.

    Races:   a lease (kit/lease.py): of two workers one writes, and only the holder appends.
    Repeats: what a killed worker wrote beyond `size` is cut off before going on.
    """
    held = lease.take(ExportJob.objects.filter(run_at__lte=now), job_id, now=now, for_s=LEASE_S)
    if held is None:
        return False
    job = held.rows.select_related("user").get()
    try:
        with translation.override(job.language):
            return _write(job, held.rows, now)
    except OperationalError:
        raise  # another worker goes on
    except Exception as error:
        log.exception("export_failed", job=job_id)
        failed = {"state": ExportJob.State.FAILED, "run_at": None, "done_at": now}
        if move(held.rows, **failed, says=repr(error)[:255]):
            _remove(job)
        return False
    finally:
        held.end()


def _write(job: ExportJob, mine: QuerySet, now: datetime) -> bool:
    model = apps.get_model(job.model)
    model_admin: Any = admin.site._registry[model]
    rows = filtered(model_admin, _request_of(job, model_admin))
    columns = model_admin.export_columns()
    after = model._meta.pk.to_python(job.last) if job.last else None
    began, size, is_over = time.monotonic(), job.size, True
    for page in pages(model_admin, rows, after):
        if not mine.exists():
            return False  # stopped for longer than the lease: another worker writes this file
        size = _append(job, columns, page, size)
        job.rows += len(page)
        job.last = str(page[-1].pk)
        if time.monotonic() - began > STEP_S:
            is_over = False
            break
    if not is_over:
        return move(mine, rows=job.rows, size=size, last=job.last, run_at=now)
    if not mine.exists():
        return False
    _finish(job, columns, _title(model_admin))
    move(
        mine,
        rows=job.rows,
        size=size,
        last=job.last,
        run_at=None,
        done_at=timezone.now(),
        state=ExportJob.State.DONE,
    )
    return False


def _request_of(job: ExportJob, model_admin):
    """The request that the list was filtered by; its rights are looked at again."""
    request = HttpRequest()
    request.method, request.GET, request.user = "GET", QueryDict(job.query), job.user
    may = job.user.is_active and job.user.has_perm(PERMISSION)
    if not (may and model_admin.has_view_permission(request)):
        raise PermissionDenied
    return request


def _append(job: ExportJob, columns, page: list, size: int) -> int:
    """One page behind what is written; how long its part is then."""
    is_csv = job.format == "csv"
    for number in count(job.rows // sheets.SHEET_ROWS if not is_csv else 0):
        done = job.rows - number * sheets.SHEET_ROWS
        fits = page if is_csv else page[: sheets.SHEET_ROWS - max(done, 0)]
        begin = size if is_csv or done > 0 else 0
        path = _part(job, number)
        with path.open("r+b" if path.exists() else "wb") as file:
            file.truncate(begin)
            file.seek(begin)
            if is_csv:
                file.write(b"" if begin else sheets.csv_head(columns))
                file.write(sheets.csv_rows(columns, fits))
            else:
                file.write(sheets.xlsx_rows(columns, fits, max(done, 0) + 2))
            size = file.tell()
        page = page[len(fits) :]
        if not page:
            return size
    raise AssertionError("unreachable")


def _finish(job: ExportJob, columns, title: str) -> None:
    if job.format == "csv":
        if not _part(job, 0).exists():
            _part(job, 0).write_bytes(sheets.csv_head(columns))
        _part(job, 0).replace(file_of(job))
        return
    parts = [_part(job, n) for n in range(-(-job.rows // sheets.SHEET_ROWS))]
    torso = file_of(job).with_suffix(".torso")
    sheets.xlsx(torso, columns, title, parts)
    torso.replace(file_of(job))
    for part in parts:
        part.unlink()


def file_of(job: ExportJob) -> Path:
    return _folder() / f"{job.token}.{job.format}"


def _part(job: ExportJob, number: int) -> Path:
    return _folder() / f"{job.token}.{number}.part"


def _folder() -> Path:
    folder = settings.EXPORTS_DIR
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


# --- afterwards


def progress(job: ExportJob) -> int | None:
    """How far along its keys the job is, in hundredths; None when keys are no numbers."""
    if not (job.first.isdigit() and job.until.isdigit()):
        return None
    first, until = int(job.first), int(job.until)
    last = int(job.last) if job.last else first
    return 100 * abs(first - last) // max(1, abs(first - until))


def download(job: ExportJob):
    file = file_of(job).open("rb")
    return _named(FileResponse(file), apps.get_model(job.model), job.format, job.done_at)


def drop(*, job_id: int, now: datetime) -> bool:
    """Remove the file of an export that is older than a day."""
    old = ExportJob.objects.filter(
        pk=job_id,
        state__in=(ExportJob.State.DONE, ExportJob.State.FAILED),
        done_at__lte=now - KEPT,
    )
    if not move(old, state=ExportJob.State.GONE):
        return False
    _remove(ExportJob.objects.get(pk=job_id))
    return True


def _remove(job: ExportJob) -> None:
    for path in _folder().glob(f"{job.token}.*"):
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
