"""Two machines, a data folder each and clocks 300 s apart, on one database and one Redis."""

import json
import time
from collections import Counter
from datetime import timedelta

import pytest
from django.utils import timezone

from kit import clock, lease
from kit.http import throttle
from kit.plumbing import redis
from office import roles
from office.export import jobs as export
from office.models import ExportJob, ExportPart, StaffEvent
from packets.models import RedPacket, Share
from packets.states import Kind
from testing import desk
from testing.forks import in_threads
from testing.make import make_expired_packet, make_group, make_packet, make_paid_packet, make_wallet
from testing.make import user as user_of
from tests.races.machines import FAKETIME, Machine
from wallets.audit import audit
from wallets.models import LedgerLine
from wallets.states import LineKind

pytestmark = [
    pytest.mark.usefixtures("on_mariadb", "with_redis"),
    pytest.mark.skipif(
        FAKETIME is None, reason="libfaketime is not installed; ops/setup.sh dev installs it"
    ),
]
OFF_S = 150
TRIES = 5
# A worker that believes its machine.
BELIEVES = """
from kit import clock, heartbeat
clock.TOLERATED_S = heartbeat.OFF_S = float("inf")
"""


@pytest.fixture
def machines(tmp_path):
    """One is slow and one is fast; both serve."""
    slow, fast = Machine(tmp_path / "slow", -OFF_S), Machine(tmp_path / "fast", OFF_S)
    try:
        for each in (slow, fast):
            each.serve()
        for each in (slow, fast):
            each.wait()
        yield slow, fast
    finally:
        for each in (slow, fast):
            each.stop()


@pytest.fixture
def fast(tmp_path):
    """Its worker alone."""
    return Machine(tmp_path / "fast", OFF_S)


def as_user(user: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {user_of(user).bearer}", "Content_Type": "application/json"}


def grab_at(machine: Machine, packet: RedPacket, user: str) -> str:
    """What he is told in the end: a busy machine asks its clients to come again."""
    path = f"/api/v1/packets/{packet.public_id}/grab"
    for _ in range(TRIES):
        status, text, _headers = machine.ask(path, b"", **as_user(user))
        said = json.loads(text)
        if status != 503:
            break
    return said.get("outcome") or said["code"]


def test_a_day_of_two_machines(machines):
    """In one test, since machines take their time to start."""
    slow, fast = machines
    assert all(json.loads(m.ask("/health/ready")[1])["parts"]["clocks"] == "off" for m in machines)
    _packets_are_dated_alike(slow, fast)
    packet = _everybody_grabs_at_both(slow, fast)
    _one_throttle(slow, fast, packet)
    _an_export_of_one_is_fetched_at_the_other(slow, fast)


def _packets_are_dated_alike(*machines: Machine) -> None:
    """Whoever issues it: a day later it goes back, neither five minutes early nor late."""
    make_group("alice", "bob")
    make_wallet("alice", "20.00")
    for machine in machines:
        packet = make_packet(Kind.EQUAL, 1, "1.00")
        began = clock.database_now()
        body, key = b'{"pay_type": "balance"}', {"Idempotency_Key": packet.public_id}
        path = f"/api/v1/packets/{packet.public_id}/pay"
        status, said, _ = machine.ask(path, body, **as_user("alice"), **key)
        assert status == 200, said
        packet.refresh_from_db()
        assert began - timedelta(seconds=5) <= packet.pay_time
        assert packet.pay_time <= clock.database_now() + timedelta(seconds=5)
        assert packet.expire_time - packet.pay_time == timedelta(days=1)


def _everybody_grabs_at_both(slow: Machine, fast: Machine) -> RedPacket:
    """Each at both machines at once: 12 shares, 24 people, 48 requests."""
    people = [f"m{number}" for number in range(24)]
    make_group("alice", *people)
    packet = make_paid_packet(Kind.LUCKY, 12, "30.00")

    works = [
        lambda user=user, machine=machine: (user, grab_at(machine, packet, user))
        for user in people
        for machine in (slow, fast)
    ]
    said = [answer for at in range(0, 48, 8) for answer in in_threads(works[at : at + 8])]

    heard = Counter(outcome for _, outcome in said)
    assert set(heard) <= {"grabbed", "already_grabbed", "too_slow"}, heard
    assert heard["grabbed"] == 12
    takers = set(Share.objects.filter(rp=packet).values_list("user_id", flat=True))
    assert takers == {user for user, outcome in said if outcome == "grabbed"}
    assert (
        LedgerLine.objects.filter(kind=LineKind.GRAB, source__contains=packet.public_id).count()
        == 12
    )
    return packet


def _one_throttle(slow: Machine, fast: Machine, packet: RedPacket) -> None:
    """30 at once and 10 a second, whichever machine is asked; neither shuts out the other."""
    began = time.monotonic()

    def asks(machine: Machine) -> list[str]:
        return [grab_at(machine, packet, "m0") for _ in range(100)]

    found = in_threads([lambda m=m: asks(m) for m in (slow, fast, slow, fast)])
    took_s = time.monotonic() - began

    let_through = [sum(word != "throttled" for word in words) for words in found]
    assert sum(let_through) <= 30 + 10 * took_s + 4
    assert let_through[0] + let_through[2] > 0 < let_through[1] + let_through[3]
    if took_s < 20:  # fast enough for the limit to bite
        assert any("throttled" in words for words in found)


def _an_export_of_one_is_fetched_at_the_other(slow: Machine, fast: Machine) -> None:
    now = timezone.now()
    StaffEvent.objects.bulk_create(
        StaffEvent(kind=StaffEvent.Kind.LOGIN, username=f"n{n}", created_at=now)
        for n in range(export.DIRECT + 1)
    )
    auditor = desk.staff(roles.AUDITOR)
    auditor.get(desk.list_of(StaffEvent))
    cookies = {name: morsel.value for name, morsel in auditor.cookies.items()}
    cookies.setdefault("csrftoken", "c" * 32)
    as_auditor = {
        "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
        "X_CSRFToken": cookies["csrftoken"],
    }
    path = f"{desk.list_of(StaffEvent)}export/"

    status, said, page = slow.ask(path, b"format=csv", **as_auditor)

    assert status == 302, said[-2000:]
    job = ExportJob.objects.get()
    assert page == desk.page_of(job)
    fast.runs("kit.write_exports")
    files = [m.ask(f"/admin/office/exportjob/{job.pk}/file/", **as_auditor) for m in (slow, fast)]
    assert [status for status, *_ in files] == [200, 200]
    assert files[0][1] == files[1][1]
    rows, _about = files[0][1].decode().split("\r\n\r\n")
    assert len(rows.splitlines()) == StaffEvent.objects.count() + 1
    job.refresh_from_db()
    assert abs((job.done_at - job.created_at).total_seconds()) < 120


def is_due_in(packet: RedPacket, seconds: int) -> None:
    end = clock.now() + timedelta(seconds=seconds)
    begin = end - timedelta(days=1)
    RedPacket.objects.filter(pk=packet.pk).update(expire_time=end, pay_time=begin, add_time=begin)


def test_what_is_not_due_is_not_refunded_and_what_is_once(tmp_path):
    slow, fast = Machine(tmp_path / "slow", -OFF_S), Machine(tmp_path / "fast", OFF_S)
    soon, due = make_paid_packet(Kind.EQUAL, 2, "1.00"), make_expired_packet(Kind.EQUAL, 2, "1.00")
    is_due_in(soon, 120)

    said = in_threads([lambda m=m: m.runs("packets.refund_expired") for m in (slow, fast)])

    assert sorted(said) == ["0", "1"] or said == ["1", "1"], said
    for packet, is_back in ((soon, False), (due, True)):
        packet.refresh_from_db()
        assert packet.is_cli_handle is is_back
    assert LedgerLine.objects.filter(kind=LineKind.EXPIRY_REFUND).count() == 1
    assert audit() == []


def test_what_is_not_due_is_refunded_without_the_guard(fast):
    packet = make_paid_packet(Kind.EQUAL, 2, "1.00")
    is_due_in(packet, 120)

    assert fast.runs("packets.refund_expired", BELIEVES) == "1"

    packet.refresh_from_db()
    assert packet.is_cli_handle is True


def a_held_export(maker) -> ExportJob:
    now = clock.now()
    job = ExportJob.objects.create(
        token="t", user=maker, model="wallets.wallet", format="csv", language="en",
        run_at=now, created_at=now,
    )  # fmt: skip
    assert lease.take(ExportJob.objects.all(), job.pk, now=now, for_s=export.LEASE_S + 60)
    return job


def test_no_lease_is_stolen(fast):
    job = a_held_export(desk.account(roles.AUDITOR))

    fast.runs("kit.write_exports")

    assert ExportJob.objects.get(pk=job.pk).state == ExportJob.State.RUNNING


def test_a_lease_is_stolen_without_the_guard(fast):
    job = a_held_export(desk.account(roles.AUDITOR))

    fast.runs("kit.write_exports", BELIEVES)

    assert ExportJob.objects.get(pk=job.pk).state == ExportJob.State.DONE


# Ten requests of one user in a process of another machine, and how many of them may come.
TEN_COME = """
from kit.http import throttle
from kit.refusals import Throttled
def comes():
    try:
        return throttle.check(throttle.GRAB, "m0") is not None
    except Throttled:
        return False
print(sum(comes() for _ in range(10)))
"""
# Each machine goes by its own clock.
BY_ITS_OWN = """
import time
from kit.http import throttle
throttle.SCRIPT = throttle.SCRIPT.replace("redis.call('TIME')", f"{{{int(time.time())}, 0}}")
"""


def ten_come_to_each(machine: Machine, before: str = "") -> tuple[int, int]:
    """First here, then at a machine whose clock is five minutes slow; 30 may come at once."""
    exec(before)
    here = sum(throttle.check(throttle.GRAB, "m0") is not None for _ in range(10))
    # Nobody starts a process within the three seconds that the bucket is kept for.
    assert redis.call(lambda r: r.expire(throttle.key(throttle.GRAB, "m0"), 600))
    return here, int(machine.work(before + TEN_COME))


@pytest.fixture
def five_minutes_slow(tmp_path, settings):
    settings.REDPACKET_THROTTLE = True
    return Machine(tmp_path / "slow", -2 * OFF_S)


def test_a_throttle_is_one_whatever_the_clocks(five_minutes_slow):
    assert ten_come_to_each(five_minutes_slow) == (10, 10)


def test_a_throttle_shuts_out_the_slower_clock_without_the_guard(five_minutes_slow, monkeypatch):
    monkeypatch.setattr(throttle, "SCRIPT", throttle.SCRIPT)  # put back afterwards

    assert ten_come_to_each(five_minutes_slow, BY_ITS_OWN) == (10, 0)


# Parts lie in the machine's data folder instead of the database.
IN_A_FOLDER = """
from django.conf import settings
from office.models import ExportPart
def keep(parts, **_):
    for part in parts:
        (settings.DATA_DIR / f"{part.job_id}-{part.number}").write_bytes(part.body)
ExportPart.objects.bulk_create = keep
"""


def an_export_of_another(machine: Machine, before: str = "") -> bytes:
    """Written by that machine's worker, fetched at this one."""
    now = clock.now()
    StaffEvent.objects.create(kind=StaffEvent.Kind.LOGIN, username="n1", created_at=now)
    job = ExportJob.objects.create(
        token="t", user=desk.account(roles.AUDITOR), model="office.staffevent", format="csv",
        language="en", run_at=now, created_at=now,
    )  # fmt: skip
    machine.runs("kit.write_exports", before)
    job.refresh_from_db()
    assert job.state == ExportJob.State.DONE
    return b"".join(export.download(job))


def test_an_export_is_fetched_at_any_machine(fast):
    assert b"n1" in an_export_of_another(fast)


def test_an_export_is_fetched_at_any_machine_without_the_guard(fast):
    with pytest.raises(ExportPart.DoesNotExist):
        an_export_of_another(fast, IN_A_FOLDER)
    assert list((fast.log.parent).glob("*-0"))
