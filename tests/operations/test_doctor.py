"""manage.py doctor: what must be so for money to move."""

from datetime import timedelta

import pytest
from celery import current_app
from django.core.management import CommandError, call_command
from django.utils import timezone

from kit.models import Heartbeat
from packets.models import RedPacket
from packets.states import Kind
from packets.tasks import refund_expired
from testing.make import make_paid_packet
from wallets.models import AuditRun

pytestmark = pytest.mark.once


@pytest.fixture
def doctor(capsys):
    def say() -> list[str]:
        try:
            call_command("doctor")
        except CommandError as error:
            print(error)
        return capsys.readouterr().out.splitlines()

    return say


@pytest.fixture
def well(monkeypatch):
    refund_expired()
    AuditRun.objects.create(began_at=timezone.now(), took_ms=1, rules=1, findings=0)


def bad(lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith(("BAD", "LOOK"))]


def test_all_is_well(doctor, well):
    lines = doctor()
    assert bad(lines) == []
    assert {line.split(":")[0].split()[1] for line in lines} == {
        *("settings", "database", "replica", "redis", "broker", "sweeps"),
        *("fillings", "queues", "books", "channels", "disk"),
    }


def test_each_thing_that_is_wrong_is_a_line_and_the_exit_code(doctor, well, monkeypatch):
    make_paid_packet(Kind.EQUAL, 3, "1.00")
    RedPacket.objects.update(expire_time=timezone.now() - timedelta(hours=1))
    Heartbeat.objects.exclude(name__startswith="clock:").update(
        at=timezone.now() - timedelta(hours=1)
    )
    AuditRun.objects.update(findings=2)
    monkeypatch.setattr(current_app.conf, "broker_url", "redis://127.0.0.1:1/0")

    lines = doctor()

    assert [line.split(":")[0] for line in bad(lines)] == [
        "BAD  broker",
        "BAD  sweeps",
        "BAD  queues",
        "BAD  books",
    ]
    assert "BAD  queues: expiry_refund: 1, the first for 36" in "\n".join(lines)
    assert lines[-1].startswith("4 of these are bad")


def test_a_new_database_is_told_to_migrate(doctor, monkeypatch):
    monkeypatch.setattr(
        "office.management.commands.doctor.MigrationExecutor.migration_plan", lambda *_: [1, 2]
    )
    assert "BAD  database: 2 migrations are to be applied: manage.py migrate" in doctor()
