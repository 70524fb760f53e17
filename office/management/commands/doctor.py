import shutil
from collections.abc import Iterator
from io import StringIO
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from kit import clock, fillings, heartbeat, later, replica
from kit.plumbing import redis
from office import waiting
from wallets import daily
from wallets.models import AuditRun

LATE_S = 300  # what a sweep takes waits for seconds
FULL = 0.9  # of a disk
OK, LOOK, BAD = "ok", "LOOK", "BAD"

Found = Iterator[tuple[str, str]]


class Command(BaseCommand):
    help = "Everything that must be so for money to move, a line each; exit code 1 when one is BAD."
    requires_system_checks = []  # they are among what is told

    def handle(self, **options: Any) -> None:
        bad = 0
        for look in LOOKS:
            try:
                for mark, says in look():
                    self.stdout.write(f"{mark:4} {look.__name__[1:]}: {says}")
                    bad += mark == BAD
            except DatabaseError as error:
                self.stdout.write(f"{BAD:4} {look.__name__[1:]}: {error}")
                bad += 1
        if bad:
            raise CommandError(f"{bad} of these are bad; docs/runbook.md says what to do.")


def _settings() -> Found:
    is_deployed = settings.REDPACKET_ENV == "production"
    yield OK, f"version {settings.VERSION}"
    said = checks.run_checks(include_deployment_checks=is_deployed)
    for message in said:
        is_bad = message.level >= checks.ERROR or is_deployed
        yield BAD if is_bad else LOOK, f"{message.msg} ({message.id})"
    if not said:
        yield OK, f"checks of {settings.REDPACKET_ENV}"


def _database() -> Found:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        yield BAD, f"{len(plan)} migrations are to be applied: manage.py migrate"
        return
    yield OK, f"{connection.vendor}, all migrations applied"
    off_s = (clock.of_machine() - clock.database_now()).total_seconds()
    is_right = abs(off_s) <= heartbeat.OFF_S
    yield OK if is_right else BAD, f"this machine's clock is {off_s:+.0f} s from the database's"


def _replica() -> Found:
    if not replica.is_configured():
        yield OK, "none: lists, exports and the audit read the primary"
        return
    lag_s = replica.lag_s(replica.seen_until())
    if lag_s is None:
        yield BAD, "does not answer, or was never written to: lists, exports and audit do without"
    else:
        is_near = lag_s <= settings.REDPACKET_REPLICA_LAG_S
        yield OK if is_near else LOOK, f"{lag_s:.0f} s since the last sign of life there"


def _redis() -> Found:
    if not redis.is_configured():
        yield OK, "not configured: grabs take their tickets from the table"
        return
    try:
        redis.check()
        yield OK, "answers"
    except redis.Down:
        yield BAD, "does not answer"


def _broker() -> Found:
    depth = later.depth()
    if depth is None:
        yield BAD, "does not answer"
    else:
        yield LOOK if depth > waiting.COUNTED else OK, f"{depth} messages wait"


def _sweeps() -> Found:
    signs = heartbeat.signs()
    if not signs.ages:
        yield BAD, "none has ever run: start beat and a worker"
    for task in signs.late:
        yield BAD, f"{task} has not run for {signs.ages[task]:.0f} s"
    for host, off_s in signs.clocks.items():
        if abs(off_s) > heartbeat.OFF_S:
            yield BAD, f"the clock of {host} is {off_s:+} s off"
    if signs.ages and not signs.late:
        yield OK, f"{len(signs.ages)} tasks run in time"


def _fillings() -> Found:
    still = {kept.name for kept in fillings.standing_still(clock.now())}
    for name in fillings.FILLINGS:
        yield BAD if name in still else OK, f"{name}: {fillings.told(name)}"
    if not fillings.FILLINGS:
        yield OK, "no column is to be filled"


def _queues() -> Found:
    now = clock.now()
    for queues, late_s, worst in (
        (waiting.FOR_SWEEPS, LATE_S, BAD),
        (waiting.FOR_STAFF, heartbeat.DAY_S, LOOK),
    ):
        for queue in queues:
            number, oldest = queue.measured(now)
            age_s = (now - oldest).total_seconds() if oldest else 0
            says = f"{number}, the first for {age_s:.0f} s" if number else "0"
            yield worst if age_s > late_s else OK, f"{queue.name}: {says}"


def _books() -> Found:
    now = clock.now()
    if last := daily.last_closed():
        is_late = (now - daily.midnight_after(last.day)).total_seconds() > heartbeat.DAY_S
        yield BAD if is_late else OK, f"the last closed day is {last.day}"
    run = AuditRun.objects.order_by("-pk").first()
    if run is None:
        yield LOOK, "the audit has never run: manage.py audit"
    else:
        hours = (now - run.began_at).total_seconds() / 3600
        mark = BAD if run.findings else LOOK if hours * 3600 > heartbeat.DAY_S else OK
        yield mark, f"the audit of {hours:.0f} hours ago had {run.findings} findings"


def _channels() -> Found:
    said = StringIO()
    try:
        call_command("channels", "check", stdout=said)
    except CommandError as error:
        yield BAD, str(error)
    for line in said.getvalue().splitlines():
        yield BAD if "BROKEN" in line else OK, line


def _disk() -> Found:
    usage = shutil.disk_usage(settings.DATA_DIR)
    share = usage.used / (usage.used + usage.free)
    yield BAD if share > FULL else OK, f"{share:.0%} of the disk of {settings.DATA_DIR} is used"


LOOKS = (
    _settings,
    _database,
    _replica,
    _redis,
    _broker,
    _sweeps,
    _fillings,
    _queues,
    _books,
    _channels,
    _disk,
)
