"""The Celery app, and everything that runs by itself as one table."""

import logging
import os
from typing import Any

from celery import Celery
from celery.schedules import crontab
from celery.signals import (
    beat_init,
    setup_logging,
    worker_init,
    worker_process_init,
    worker_process_shutdown,
)

from kit.plumbing import env, filebroker, handoff
from redpacket_site import traced

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "redpacket_site.settings")
filebroker.register()

app = Celery("hongbao", task_cls="kit.worker:Task")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.autodiscover_tasks(["office.export"])

# task -> seconds between two runs. A message that waited longer than that is dropped: the next
# one is there already.
SCHEDULE = {
    "packets.settle_due": 2,
    "packets.settle_missed": 60,
    "packets.settle_long_missed": 300,
    "packets.refund_expired": 5,
    "packets.finish_taken": 10,
    "packets.close_drafts": 10,
    "packets.keep_years": 3600,
    "packets.forget_old": 600,
    "payments.chase_due": 2,
    "payments.send_refunds": 5,
    "payments.reconcile_due": 300,
    "payments.refresh_certificates": 43_200,
    "payments.forget_notices": 600,
    "wallets.keep_books": 5,
    "kit.fill": 30,
    "kit.write_exports": 5,
    "kit.drop_exports": 600,
    "office.forget_tries": 600,
}
# task -> the hour and minute (CELERY_TIMEZONE) at which it runs each day.
DAILY = {
    "wallets.audit": (3, 30),  # the quietest hour
}
if env.text("REDPACKET_ENV") != "production":
    SCHEDULE["sandbox.deliver"] = 1
# "expire_seconds" is the word that the database scheduler keeps; it drops Celery's own "expires".
app.conf.beat_schedule = {
    task: {"task": task, "schedule": every_s, "options": {"expire_seconds": every_s}}
    for task, every_s in SCHEDULE.items()
} | {
    task: {"task": task, "schedule": crontab(hour=hour, minute=minute)}
    for task, (hour, minute) in DAILY.items()
}


@setup_logging.connect
def _keep_our_logging(loglevel: str | int | None = None, **_: Any) -> None:
    """Django has configured it; Celery would add a second handler. `--loglevel` is for its own
    lines: one for each run of a sweep is too much."""
    if loglevel:
        logging.getLogger("celery").setLevel(loglevel)


@worker_process_shutdown.connect
def _flush(**_: Any) -> None:
    """A child of the worker ends by os._exit, which runs nothing at exit."""
    handoff.flush_all()


@worker_process_init.connect
def _begin_traces(**_: Any) -> None:
    traced.begin()


@beat_init.connect
def _expect_tasks(**_: Any) -> None:
    from kit import heartbeat

    heartbeat.expect()


@worker_init.connect
def _load_channels(**_: Any) -> None:
    """A key that cannot be used stops the start, not the first order that is chased."""
    from payments.channels import registry

    registry.offered()
