"""Every process goes by the database's clock, whatever its machine's says."""

import time
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from kit import clock
from packets import tasks
from packets.models import RedPacket
from packets.states import Kind
from testing.make import make_paid_packet


@pytest.fixture
def machine(monkeypatch):
    """machine(300): its clock goes so many seconds ahead of the database's, of which a connection
    has told it the time."""
    told = time.time() - time.monotonic()

    def ahead(seconds: float) -> None:
        right, begin = timezone.now, time.time
        monkeypatch.setattr(clock, "ahead_s", told)
        monkeypatch.setattr(timezone, "now", lambda: right() + timedelta(seconds=seconds))
        monkeypatch.setattr(clock.time, "time", lambda: begin() + seconds)

    yield ahead
    monkeypatch.undo()


def off_s() -> float:
    """How far what we take for the time is from the database's."""
    return abs((clock.now() - clock.database_now()).total_seconds())


@pytest.mark.parametrize("seconds", [300, -300, 86_460, -86_460, 2, -2])
def test_the_time_is_the_databases(machine, seconds):
    machine(seconds)

    assert off_s() < 1.5
    assert abs(clock.timestamp() - clock.database_now().timestamp()) < 1.5


@pytest.mark.parametrize("seconds", [0, 0.5, -0.5])
def test_a_moments_difference_is_left_alone(machine, seconds):
    machine(seconds)

    assert clock.correction() == timedelta(0)


def test_before_the_first_connection_there_is_no_better_clock(monkeypatch):
    monkeypatch.setattr(clock, "ahead_s", None)

    assert clock.correction() == timedelta(0)


def test_a_clock_that_is_set_in_the_middle_changes_nothing(machine):
    machine(0)
    before = clock.now()

    machine(3600)

    assert timedelta(0) <= clock.now() - before < timedelta(seconds=60)


def test_each_new_connection_says_what_time_it_is(on_mariadb, monkeypatch):
    monkeypatch.setattr(clock, "ahead_s", time.time() - time.monotonic() + 3600)
    assert off_s() > 3000

    connection.close()
    connection.ensure_connection()

    assert off_s() < 1.5


def test_a_worker_a_day_fast_refunds_nothing_early_and_a_packet_by_the_right_time(machine):
    waits = make_paid_packet(Kind.EQUAL, 3, "1.00")
    machine(86_460)
    made = make_paid_packet(Kind.EQUAL, 3, "1.00", now=clock.now())

    assert tasks.refund_expired() == 0

    waits.refresh_from_db()
    assert waits.is_cli_handle is False
    assert abs((made.pay_time - waits.pay_time).total_seconds()) < 60


def test_a_worker_a_day_fast_refunds_a_day_early_without_the_guard(machine, monkeypatch):
    """Neither the correction, nor the look that each task takes at the clock."""
    packet = make_paid_packet(Kind.EQUAL, 3, "1.00")
    machine(86_460)
    monkeypatch.setattr(clock, "TOLERATED_S", float("inf"))
    monkeypatch.setattr("kit.heartbeat.OFF_S", float("inf"))

    assert tasks.refund_expired() == 1
    assert RedPacket.objects.get(pk=packet.pk).is_cli_handle is True


def test_a_worker_goes_on_beside_a_wrong_clock_and_tells_of_it(machine):
    machine(300)

    assert tasks.refund_expired() == 0

    parts = Client().get("/health/ready").json()["parts"]
    assert (parts["clocks"], parts["sweeps"]) == ("off", "ok")
