"""Each alert of deploy/alerts.yml fires when what it watches breaks, alone, and never before."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import Mock

import pytest
from celery import current_app
from celery.signals import beat_init
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection, connections
from django.db.models import F
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from kit import fillings, heartbeat, later
from kit.hooks import Hook
from kit.models import Event, Heartbeat
from kit.plumbing import handoff, redis
from kit.plumbing.replica import ALIAS
from kit.tasks import fill
from packets import members
from packets.models import RedPacket, SettlementPass
from packets.states import Kind
from packets.tasks import refund_expired
from packets.tests.test_settle import taken_packet
from payments import awaiting, channel_refund
from payments.models import Case, ChannelRefund, PaymentOrder
from payments.states import PayType
from payments.tests.conftest import offer
from testing import make
from testing.make import propose_adjustment, user
from wallets import accounts, daily
from wallets.models import AuditRun, LedgerLine
from wallets.states import LineKind

RULES = Path("deploy/alerts.yml")
ALERTS = re.findall(r"- alert: (\w+)", RULES.read_text())
NAMED = set(re.findall(r"hongbao_\w+", RULES.read_text()))
MINUTES = 6 * 60  # longer than any rule waits
BREAKS: dict[str, Callable] = {}

pytestmark = pytest.mark.once


def breaks(function: Callable) -> Callable:
    """Its name is that of the alert, in words."""
    name = "".join(word.capitalize() for word in function.__name__.split("_"))
    BREAKS[f"Hongbao{name}"] = function
    return function


def scrape() -> dict[str, float]:
    """The series now that a rule may look at, as Prometheus writes their names."""
    told = Client().get("/metrics").content.decode()
    samples = [
        sample
        for family in text_string_to_metric_families(told)
        for sample in family.samples
        if sample.name in NAMED
    ]
    return {f"{sample.name}{{{_labels(sample.labels)}}}": sample.value for sample in samples}


def _labels(labels: dict[str, str]) -> str:
    return ",".join(f"{name}={json.dumps(value)}" for name, value in labels.items())


def was(new: str) -> int:
    """A series of which nobody has heard yet: a counter was at nothing, a service was up."""
    return int(new.startswith("hongbao_up{"))


def fired(
    promtool: str, before: dict[str, float], after: dict[str, float], folder: Path
) -> set[str]:
    """Which alerts fire at some time in the six hours after things became as in `after`."""
    series = [
        {"series": name, "values": f"{before.get(name, was(name))}x2 {value}x{MINUTES}"}
        for name, value in after.items()
    ]
    ask = f"group by (alertname) (max_over_time(ALERTS{{alertstate='firing'}}[{MINUTES}m]))"
    wanted = {
        "expr": ask,
        "eval_time": f"{MINUTES}m",
        "exp_samples": [{"labels": "{}", "value": -1}],
    }
    test = {
        "rule_files": [str(RULES.resolve())],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": series, "promql_expr_test": [wanted]}],
    }
    file = folder / "test.yml"
    file.write_text(json.dumps(test))
    ran = subprocess.run([promtool, "test", "rules", file], capture_output=True, text=True)
    got = ran.stdout + ran.stderr
    assert "got:" in got, got
    return set(re.findall(r'alertname="(\w+)"', got.partition("got:")[2]))


# --- what breaks


@breaks
def silent(monkeypatch):
    """Nobody can be scraped."""


@breaks
def service_down(monkeypatch):
    monkeypatch.setattr(current_app.conf, "broker_url", "redis://127.0.0.1:1/0")


@breaks
def errors(monkeypatch):
    def broken(_user_id):
        raise LookupError

    monkeypatch.setattr("wallets.statement.balance", broken)
    assert user("bob").get("wallet").status_code >= 500


@breaks
def without_redis(monkeypatch):
    packet = make.make_paid_packet(Kind.EQUAL, 3, "1.00")
    with monkeypatch.context() as away:
        away.setattr(settings, "REDIS_URL", "redis://127.0.0.1:1/0")
        away.setattr(redis.breaker, "until", time.monotonic() + 3600)
        assert user("u1").post(f"packets/{packet.public_id}/grab").status_code == 200


@breaks
def broker_backlog(monkeypatch):
    for _ in range(1001):
        current_app.send_task("kit.nothing")
    return current_app.control.purge


@breaks
def dropped(monkeypatch):
    monkeypatch.setattr(later.broker.breaker, "until", time.monotonic() + 3600)
    later.run("kit.nothing")
    handoff.flush_all()


@breaks
def breaker_opened(monkeypatch):
    for _ in range(5):
        members.line.breaker.failed()


@breaks
def task_late(monkeypatch):
    refund_expired()
    old = timezone.now() - timedelta(minutes=5)
    Heartbeat.objects.exclude(name__startswith="clock:").update(at=old)


@breaks
def clock_off(monkeypatch):
    right = timezone.now
    with monkeypatch.context() as wrong:
        wrong.setattr(timezone, "now", lambda: right() + timedelta(seconds=90))
        assert not heartbeat.is_clock_right()


@breaks
def replica_late(monkeypatch):
    """A copy of the database that has stopped to follow."""
    refund_expired()
    Heartbeat.objects.update(at=ago(minutes=5))
    heal = replica_of_now()
    Heartbeat.objects.update(at=timezone.now())
    return heal


@breaks
def settlement_lag(monkeypatch):
    _packet, order = taken_packet()
    make.confirm(order, timezone.now())
    SettlementPass.objects.update(run_at=ago(minutes=3))


@breaks
def uncredited(monkeypatch):
    _packet, order = taken_packet(now=ago(minutes=10))
    make.confirm(order, ago(minutes=10))
    SettlementPass.objects.update(done_at=timezone.now(), run_at=None)


@breaks
def expiry_refunds_wait(monkeypatch):
    make.make_paid_packet(Kind.EQUAL, 3, "1.00")
    RedPacket.objects.update(expire_time=ago(minutes=10))


@breaks
def orders_wait(monkeypatch):
    make.make_order(make.make_packet())
    PaymentOrder.objects.update(chase_at=ago(minutes=10))


@breaks
def channel_refunds_wait(monkeypatch):
    case = held_in_suspense()
    refund = ChannelRefund.objects.get(case=case)
    channel_refund.approve(refund_no=refund.refund_no, checker_id=staff("c"), now=timezone.now())
    ChannelRefund.objects.update(chase_at=ago(hours=1))


@breaks
def awaiting_long(monkeypatch):
    _packet, order = make.make_reported_packet()
    PaymentOrder.objects.update(reported_at=ago(hours=30), chase_at=None)
    assert awaiting.tell(order_id=order.pk, now=timezone.now())


@breaks
def staff_behind(monkeypatch):
    propose_adjustment("bob", "1.00", maker_id=staff("m"), now=ago(hours=30))


@breaks
def bills_late(monkeypatch):
    offer(monkeypatch, PayType.ALIPAY)
    make.make_order(make.make_packet())
    PaymentOrder.objects.update(add_time=ago(days=3), chase_at=None)


@breaks
def below_zero(monkeypatch):
    make.make_paid_packet()
    LedgerLine.objects.filter(kind=LineKind.SEND).update(
        source=F("target"), target=accounts.PLATFORM
    )


@breaks
def audit_findings(monkeypatch):
    AuditRun.objects.create(began_at=timezone.now(), took_ms=1, rules=1, findings=1, says=["x"])


@breaks
def audit_old(monkeypatch):
    AuditRun.objects.create(began_at=ago(hours=27), took_ms=1, rules=1, findings=0)


@breaks
def day_not_closed(monkeypatch):
    make.make_wallet("bob", "1.00")
    LedgerLine.objects.update(created_at=ago(days=4))
    daily.close_days(now=ago(days=2))


def replica_of_now() -> Callable[[], None]:
    """Configured; what is to be done to be without it again."""
    folder = TemporaryDirectory(prefix="hongbao-")
    name = Path(folder.name) / "replica.sqlite3"
    with sqlite3.connect(name) as copy:
        connection.connection.backup(copy)
    connections.settings[ALIAS] = {**connection.settings_dict, "NAME": str(name)}

    def heal() -> None:
        connections[ALIAS].close()
        del connections[ALIAS], connections.settings[ALIAS]
        folder.cleanup()

    return heal


def ago(**by) -> datetime:
    return timezone.now() - timedelta(**by)


def staff(name: str) -> int:
    return get_user_model().objects.create_user(name, is_staff=True).pk


def held_in_suspense() -> Case:
    """Paid with another amount: in suspense, with a refund proposed."""
    order = make.make_order(make.make_packet())
    order.amount += 1
    make.confirm(order, timezone.now())
    PaymentOrder.objects.update(chase_at=None)
    return Case.objects.get()


# --- what fires


@pytest.fixture(autouse=True)
def promtool() -> str:
    found = shutil.which("promtool", path=f"{os.environ['PATH']}:{Path(sys.executable).parent}")
    assert found, "ops/setup.sh dev brings it"
    return found


def test_every_alert_is_broken_once():
    assert sorted(BREAKS) == sorted(ALERTS)


def test_every_alert_names_its_page_of_the_runbook():
    pages = re.findall(r"^#+ (.*)$", Path("docs/runbook.md").read_text(), re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 -]", "", page.lower()).replace(" ", "-") for page in pages}
    named = re.findall(r"docs/runbook\.md#([\w-]+)", RULES.read_text())
    assert len(named) == len(ALERTS)
    assert set(named) <= anchors


def test_rules_and_dashboard_name_figures_that_there_are():
    told = Client().get("/metrics").content.decode()
    there = set(re.findall(r"^# TYPE (hongbao_\w+)", told, re.MULTILINE))
    there |= {f"{name}_bucket" for name in there}
    # These are told once there was an audit, and a closed day, and where there is a replica.
    there |= {"hongbao_audit_seconds", "hongbao_audit_findings", "hongbao_closed_day_seconds"}
    there |= {"hongbao_replica_late", "hongbao_replica_lag_seconds"}
    for file in (RULES, Path("deploy/grafana.json")):
        named = set(re.findall(r"hongbao_\w+", file.read_text()))
        assert named and named <= there, file


def test_nothing_fires_while_all_is_well(promtool, tmp_path):
    make.make_paid_packet()
    refund_expired()
    now = scrape()
    assert fired(promtool, now, now, tmp_path) == set()


@pytest.mark.broken_books
@pytest.mark.parametrize("alert", ALERTS)
def test_it_fires_when_that_breaks(alert, promtool, tmp_path, monkeypatch):
    before = scrape()
    heal = BREAKS[alert](monkeypatch)
    after = {} if alert == "HongbaoSilent" else scrape()
    if heal:
        heal()

    assert fired(promtool, before, after, tmp_path) == {alert}


@pytest.mark.parametrize("filled, late", [(0, set()), (ZeroDivisionError, {"HongbaoTaskLate"})])
def test_a_filling_that_fails_is_a_task_that_is_late(filled, late, promtool, tmp_path, monkeypatch):
    beat_init.send(sender=None)
    before = scrape()
    Heartbeat.objects.filter(name="kit.fill").update(at=ago(minutes=6))
    monkeypatch.setattr(fillings, "FILLINGS", Hook("how a column is filled"))
    fillings.FILLINGS.hang("kit.event.place", Mock(side_effect=[filled]))
    Event.objects.create(type="x", data={}, created_at=timezone.now())

    with suppress(ZeroDivisionError):
        fill()

    assert fired(promtool, before, scrape(), tmp_path) == late
