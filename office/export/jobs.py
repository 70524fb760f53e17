"""A list as somebody has filtered it, as a file: at once when it is short, else written a page at a
time by a worker, into the database, while its page shows how far it is.

The file is its parts in their order, compressed each (`ExportPart`), so that it is written on and
read on any machine, and whoever downloads it needs the memory of one part.
"""
# Long: the life of a job from the click to the file, which one reads at once.

import secrets
import time
import zlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.apps import apps
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db import OperationalError, transaction
from django.db.models import QuerySet
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
    QueryDict,
    StreamingHttpResponse,
)
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from kit import clock, later, lease
from kit.bulkhead import Bulkhead
from kit.http import address
from kit.moves import move
from office.export import about
from office.export.files import FORMATS
from office.export.rows import filtered, pages
from office.frame import dossier, staff
from office.frame.lists import BEFORE
from office.models import ExportJob, ExportPart, StaffAction

PERMISSION = "office.export"
DIRECT = 5_000  # rows; more than that go to the worker
STEP_S = 8  # of writing; then the job says how far it is
LEASE_S = 60  # longer than a task may live
KEPT = timedelta(days=1)
# What one export may hold, and how many of them somebody has at a time: the database keeps them.
ROWS_MOST, STORED_MOST, JOBS_MOST = 2_000_000, 200 << 20, 20
PART = 1 << 20  # bytes of the file; compressed far below what a statement may carry
DROPPED_AT_ONCE = 20  # parts a transaction
_PLACES = ("p", "e", BEFORE)  # of a page within its list

log = structlog.get_logger(__name__)
# Files that a request makes or reads itself: a worker's threads are not the grab's.
files = Bulkhead("files", "REDPACKET_FILES_AT_ONCE")


# --- at once


def view(model_admin, request):
    """POST with the list's own filters in the address and `format` in the body."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    format = request.POST.get("format")
    if request.method != "POST" or format not in FORMATS:
        return HttpResponseNotAllowed(["POST"])
    query = query_of(request.GET)
    request.GET = QueryDict(query)
    try:
        rows, filters = filtered(model_admin, request)
        is_long = rows.values("pk")[: DIRECT + 1].count() > DIRECT
    except IncorrectLookupParameters:
        return HttpResponseRedirect(dossier.list_of(model_admin.model))
    if is_long:
        return _queued(model_admin, request, rows, query, format)
    with files.seat():
        with transaction.atomic(durable=True):
            _note(request, model_admin, query, format)
        # Not streamed: its seat would be kept by whoever reads slowly.
        content = b"".join(_whole(model_admin, rows, format, filters, request.user))
        return _named(HttpResponse(content), model_admin.model, format)


def query_of(given: QueryDict) -> str:
    """A list's filters without the place in it."""
    kept = given.copy()
    for name in _PLACES:
        kept.pop(name, None)
    return kept.urlencode()


def _whole(model_admin, rows: QuerySet, format: str, filters: list[str], user) -> Iterator[bytes]:
    asked_at = clock.now()
    file = _writer(model_admin, format)
    tally = about.Tally(model_admin.totals, file.state)
    for page, seen_until in pages(model_admin, rows):
        tally.count(page, seen_until)
        yield file.rows(page)
    told: dict[str, Any] = {"filters": filters, "who": user.get_username(), "asked_at": asked_at}
    number = tally.state["rows"]
    yield file.end(about.lines(model_admin, **told, tally=tally, rows=number, is_cut=False))


def _writer(model_admin, format: str, state: dict | None = None):
    return FORMATS[format](model_admin.export_columns(), _title(model_admin), state)


def _title(model_admin) -> str:
    return str(model_admin.opts.verbose_name_plural)


def _named(response, model, format: str, at: datetime | None = None, says: str = ""):
    stamp = timezone.localtime(at).strftime("%Y%m%d-%H%M%S") + says
    response["Content-Type"] = FORMATS[format].content_type
    response["Content-Disposition"] = (
        f'attachment; filename="{model._meta.model_name}-{stamp}.{format}"'
    )
    response["Cache-Control"] = "no-store"
    return response


def _note(request, model_admin, query: str, format: str, key: str = "") -> None:
    """Who took which rows out of the house."""
    StaffAction.objects.create(
        user=request.user,
        action=staff.EXPORT,
        model=staff.model_name(model_admin.model),
        key=key,
        subject=_title(model_admin)[:128],
        reason=f"{format} {query}"[:255],
        ip=address.of(request),
        created_at=clock.now(),
    )


# --- by the worker


def _queued(model_admin, request, rows: QuerySet, query: str, format: str) -> HttpResponse:
    mine = ExportJob.objects.filter(user=request.user)
    kept = mine.filter(state__in=(ExportJob.State.RUNNING, ExportJob.State.DONE))
    if kept.count() >= JOBS_MOST:
        says = _(
            "You have %(most)d exports already: each is kept for a day. Please wait for one to go."
        )
        messages.error(request, says % {"most": JOBS_MOST})
        return HttpResponseRedirect(dossier.list_of(ExportJob))
    return HttpResponseRedirect(dossier.page_of(begin(model_admin, request, rows, query, format)))


def begin(model_admin, request, rows: QuerySet, query: str, format: str) -> ExportJob:
    """Queue a long one."""
    is_descending = model_admin.ordering[0].startswith("-")
    keys = rows.values_list("pk", flat=True)
    first, until = keys.order_by("-pk").first(), keys.order_by("pk").first()
    if not is_descending:
        first, until = until, first
    now = clock.now()
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

    Races:   a lease (kit/lease.py): of two workers one writes, and what the other one adds after
             his lease has run out is refused with the progress that belongs to it.
    Repeats: a page and its progress are one transaction: what a killed worker had begun is not
             there, and the next one goes on behind the last page that is.
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
            _drop_parts(job_id)
        return False
    finally:
        held.end()


def _write(job: ExportJob, mine: QuerySet, now: datetime) -> bool:
    model = apps.get_model(job.model)
    model_admin: Any = admin.site.get_model_admin(model)
    rows, filters = filtered(model_admin, _request_of(job, model_admin))
    file = _writer(model_admin, job.format, job.written)
    job.written = file.state
    tally = about.Tally(model_admin.totals, file.state)
    after = model._meta.pk.to_python(job.last) if job.last else None
    began = time.monotonic()
    for page, seen_until in pages(model_admin, rows, after):
        fits = _that_fits(job, page)
        job.is_cut = len(fits) < len(page)
        if fits:
            tally.count(fits, seen_until)
            job.rows += len(fits)
            job.last = str(fits[-1].pk)
            if not _keep(job, mine, file.rows(fits), run_at=now):
                return False  # stopped for longer than the lease: another worker writes this file
        if job.is_cut:
            break
        if time.monotonic() - began > STEP_S:
            return True
    done = {"state": ExportJob.State.DONE, "run_at": None, "done_at": clock.now()}
    told: dict[str, Any] = {"rows": job.rows, "is_cut": job.is_cut, "asked_at": job.created_at}
    who = job.user.get_username()
    lines = about.lines(model_admin, filters=filters, who=who, tally=tally, **told)
    _keep(job, mine, file.end(lines), **done)
    return False


def _that_fits(job: ExportJob, page: list) -> list:
    """The rows of a page that the export still has room for."""
    return page[: ROWS_MOST - job.rows] if job.stored < STORED_MOST else []


def _request_of(job: ExportJob, model_admin):
    """What a list is asked by: Django's own wants a request, and this has what it reads of one. The
    rights are looked at again."""
    request = HttpRequest()
    request.method, request.GET, request.user = "GET", QueryDict(job.query), job.user
    may = job.user.is_active and job.user.has_perm(PERMISSION)
    if not (may and model_admin.has_view_permission(request)):
        raise PermissionDenied
    return request


def _keep(job: ExportJob, mine: QuerySet, content: bytes, **facts: Any) -> bool:
    """Append what comes next, with the progress that it is; False when the job is another's."""
    bodies = [zlib.compress(content[at : at + PART]) for at in range(0, len(content), PART)]
    parts = [ExportPart(job=job, number=job.parts + at, body=b) for at, b in enumerate(bodies)]
    job.parts += len(parts)
    job.size += len(content)
    job.stored += sum(len(body) for body in bodies)
    progress = {name: getattr(job, name) for name in _PROGRESS}
    with transaction.atomic(durable=True):
        if not move(mine, **progress, **facts):
            return False
        ExportPart.objects.bulk_create(parts)
    return True


_PROGRESS = ("rows", "last", "written", "parts", "size", "stored", "is_cut")


# --- afterwards


def progress(job: ExportJob) -> int | None:
    """How far along its keys the job is, in hundredths; None when keys are no numbers."""
    if not (job.first.isdigit() and job.until.isdigit()):
        return None
    first, until = int(job.first), int(job.until)
    last = int(job.last) if job.last else first
    return 100 * abs(first - last) // max(1, abs(first - until))


def download(job: ExportJob) -> StreamingHttpResponse:
    response = StreamingHttpResponse(_bodies(job))
    response["Content-Length"] = str(job.size)  # a file that breaks off is seen to
    says = f"-first-{job.rows}-rows" if job.is_cut else ""
    return _named(response, apps.get_model(job.model), job.format, job.done_at, says)


def _bodies(job: ExportJob) -> Iterator[bytes]:
    parts = ExportPart.objects.filter(job=job).values_list("body", flat=True)
    for number in range(job.parts):
        yield zlib.decompress(parts.get(number=number))


def drop(*, job_id: int, now: datetime) -> bool:
    """Remove the file of an export that is older than a day.

    Repeats: the parts go first, so that a job whose removal was cut short comes round again.
    """
    old = ExportJob.objects.filter(
        pk=job_id,
        state__in=(ExportJob.State.DONE, ExportJob.State.FAILED),
        done_at__lte=now - KEPT,
    )
    if not old.exists():
        return False
    _drop_parts(job_id)
    return move(old, state=ExportJob.State.GONE)


def _drop_parts(job_id: int) -> None:
    parts = ExportPart.objects.filter(job_id=job_id).order_by("number").values_list("pk", flat=True)
    while keys := list(parts[:DROPPED_AT_ONCE]):
        ExportPart.objects.filter(pk__in=keys).delete()
