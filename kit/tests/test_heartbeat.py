"""Readiness tells when sweeps last ran; a worker whose clock is wrong says so and does nothing."""

from datetime import timedelta

import pytest
from celery.signals import beat_init
from django.db import connection
from django.test import Client
from django.utils import timezone

from kit import heartbeat
from kit.models import Heartbeat
from packets import tasks
from packets.states import Kind
from redpacket_site import celery
from testing.make import make_paid_packet

SWEEP = "packets.refund_expired"


def ready() -> dict:
    response = Client().get("/health/ready")
    assert response.status_code == 200  # whatever workers do, this process can serve
    return response.json()


def metrics() -> str:
    return Client().get("/metrics").content.decode()


def make_older(name: str, **age) -> None:
    row = Heartbeat.objects.get(name=name)
    Heartbeat.objects.filter(name=name).update(at=row.at - timedelta(**age))


@pytest.fixture
def clock(monkeypatch):
    """clock(hours=1): this machine's clock is so far ahead."""
    right = timezone.now

    def ahead(**by) -> None:
        monkeypatch.setattr(timezone, "now", lambda: right() + timedelta(**by))

    return ahead


def test_a_sweep_leaves_a_sign_of_life():
    assert (ready()["parts"]["sweeps"], ready()["last_sweep_s"]) == ("never", None)

    tasks.refund_expired()

    told = ready()
    assert (told["parts"]["sweeps"], told["parts"]["clocks"], told["late"]) == ("ok", "ok", [])
    assert 0 <= told["last_sweep_s"] < 60
    assert f'hongbao_task_age_seconds{{task="{SWEEP}"}}' in metrics()


@pytest.mark.parametrize(
    ("task", "in_time", "late"),
    [
        (SWEEP, {"seconds": 55}, {"seconds": 65}),  # every 5 s: a minute is the least
        ("packets.forget_old", {"minutes": 99}, {"minutes": 101}),  # ten times 600 s
        ("wallets.audit", {"hours": 25}, {"hours": 27}),  # once a day
    ],
)
def test_a_sweep_that_no_longer_runs_is_late(task, in_time, late):
    celery.app.loader.import_default_modules()
    celery.app.tasks[task]()
    make_older(task, **in_time)
    assert ready()["late"] == []

    make_older(task, **{unit: value - in_time[unit] for unit, value in late.items()})

    assert (ready()["parts"]["sweeps"], ready()["late"]) == ("late", [task])


def test_a_task_that_never_ran_is_late_in_its_time():
    """New in this release, and failing from its first run on."""
    tasks.refund_expired()
    ran = Heartbeat.objects.get(name=SWEEP).at
    beat_init.send(sender=None)
    assert (ready()["late"], Heartbeat.objects.get(name=SWEEP).at) == ([], ran)

    make_older("kit.fill", minutes=6)

    assert ready()["late"] == ["kit.fill"]


def test_a_task_that_has_left_the_schedule_is_not_late():
    Heartbeat.objects.create(name="packets.gone", at=timezone.now() - timedelta(days=99))

    assert ready()["late"] == []


def test_a_task_that_fails_leaves_no_sign(monkeypatch):
    def broken(*args):
        raise ValueError("oh")

    monkeypatch.setattr(tasks, "sweep", broken)

    with pytest.raises(ValueError, match="oh"):
        tasks.refund_expired()
    assert not Heartbeat.objects.filter(name=SWEEP).exists()


def test_signs_are_written_now_and_then_not_with_every_run():
    tasks.refund_expired()
    make_older(SWEEP, seconds=5)
    before = Heartbeat.objects.get(name=SWEEP).at

    tasks.refund_expired()

    assert Heartbeat.objects.get(name=SWEEP).at == before


@pytest.mark.parametrize("by", [{"hours": 24, "minutes": 1}, {"seconds": 65}, {"seconds": -65}])
def test_a_worker_whose_clock_is_off_sweeps_nothing_and_says_so(clock, by, monkeypatch):
    """An hour fast it would refund an hour early."""
    packet = make_paid_packet(Kind.EQUAL, 3, "1.00")
    said = []
    monkeypatch.setattr(heartbeat.log, "error", lambda event, **more: said.append((event, more)))
    clock(**by)

    assert tasks.refund_expired() is None

    clock()  # the web process that is asked has a good one
    packet.refresh_from_db()
    assert packet.is_cli_handle is False
    ((event, more),) = said
    assert event == "clock_off"
    assert abs(more["off_s"] - timedelta(**by).total_seconds()) <= 2
    assert ready()["parts"] | {"redis": ""} == {
        "database": "ok",
        "redis": "",
        "sweeps": "never",
        "clocks": "off",
    }
    assert f'hongbao_clock_off_seconds{{host="{more["host"]}"}} {more["off_s"]}.0' in metrics()


def test_a_worker_a_day_fast_refunds_a_day_early_without_the_guard(clock, monkeypatch):
    packet = make_paid_packet(Kind.EQUAL, 3, "1.00")
    monkeypatch.setattr(heartbeat, "OFF_S", 10**9)
    clock(hours=24, minutes=1)

    assert tasks.refund_expired() == 1
    packet.refresh_from_db()
    assert f"{packet.return_money}" == "1.00" or packet.is_cli_handle


def test_a_few_seconds_are_no_reason(clock):
    clock(seconds=50)

    assert tasks.refund_expired() == 0
    assert ready()["parts"]["clocks"] == "ok"


def test_a_clock_that_was_set_right_is_forgotten_and_the_sweep_goes_on(clock):
    clock(hours=1)
    assert tasks.refund_expired() is None

    clock()
    assert tasks.refund_expired() == 0

    assert ready()["parts"]["clocks"] == "ok"


def test_a_machine_that_is_gone_is_forgotten():
    Heartbeat.objects.create(name="clock:gone", at=timezone.now() - timedelta(minutes=6), off_s=99)
    assert ready()["parts"]["clocks"] == "ok"
    make_older("clock:gone", days=1)

    tasks.refund_expired()

    assert not Heartbeat.objects.filter(name="clock:gone").exists()


def test_live_touches_nothing(django_assert_num_queries, monkeypatch):
    """Not even for somebody with a session: it must answer when everything else hangs."""
    browser = Client()
    browser.cookies["sessionid"] = "s" * 32

    def touched(*args):
        raise AssertionError("asked Redis")

    with monkeypatch.context() as patched, django_assert_num_queries(0):
        patched.setattr("kit.plumbing.redis.guarded", touched)
        assert browser.get("/health/live").status_code == 200


def test_the_database_says_what_time_it_is():
    assert abs((timezone.now() - heartbeat.database_now()).total_seconds()) < 5
    assert connection.vendor in ("mysql", "sqlite")
