"""Doors of Celery for what no single app owns."""

from celery import shared_task

from kit import clock, later
from kit.sweeps import sweep
from office.export import jobs as export
from office.models import ExportJob


@shared_task(name="kit.write_export")
def write_export(job_id: int) -> None:
    """Write an export on, and come back while there is more."""
    if export.write(job_id=job_id, now=clock.now()):
        later.run("kit.write_export", job_id)


@shared_task(name="kit.write_exports")
def write_exports() -> int:
    """Write on what no worker is writing."""
    due = ExportJob.objects.filter(run_at__lte=clock.now())
    return sweep(
        "write_exports", due, "run_at", lambda key: export.write(job_id=key, now=clock.now())
    )


@shared_task(name="kit.drop_exports")
def drop_exports() -> int:
    """Remove files of exports that are older than a day."""
    now = clock.now()
    old = ExportJob.objects.filter(
        state__in=(ExportJob.State.DONE, ExportJob.State.FAILED), done_at__lte=now - export.KEPT
    )
    return sweep("drop_exports", old, "done_at", lambda key: export.drop(job_id=key, now=now))
