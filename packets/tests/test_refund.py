"""The expiry refund: to the second, once, of what nobody took; and its sweep."""

import re
from copy import copy
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from kit import sweeps
from kit.http.caller import Caller
from kit.models import Event
from kit.sweeps import behind
from packets import freeze, grab, refund, tasks
from packets.models import RedPacket, Share
from packets.states import Kind, PayStatus
from testing.make import make_expired_packet, make_packet, make_paid_packet, set_clocks
from wallets.freeze import freeze as freeze_wallet
from wallets.models import LedgerLine
from wallets.statement import balance
from wallets.states import LineKind


def take(packet, user_id, now=None):
    now = now or timezone.now()
    return grab.grab(public_id=packet.public_id, caller=Caller(user_id), now=now).outcome


def refunds() -> list[str]:
    lines = LedgerLine.objects.filter(kind=LineKind.EXPIRY_REFUND).order_by("pk")
    return [f"{line.amount}" for line in lines]


def assert_untouched(packet) -> None:
    packet.refresh_from_db()
    assert (packet.is_cli_handle, packet.return_money, refunds()) == (False, 0, [])
    assert not Share.objects.filter(rp=packet, is_returned=True).exists()
    assert not Event.objects.filter(type="packet.expired").exists()


# --- the boundary


def test_at_23_59_59_nothing_and_at_24_00_00_everything():
    packet = make_paid_packet(Kind.EQUAL, 2, "1.00")
    day = timedelta(hours=24)

    early = refund.refund_expired(rp_id=packet.pk, now=packet.pay_time + day - timedelta(seconds=1))

    assert early is False
    assert_untouched(packet)
    assert refund.refund_expired(rp_id=packet.pk, now=packet.pay_time + day) is True
    packet.refresh_from_db()
    assert f"{packet.return_money}" == "2.00"
    assert packet.is_cli_handle


def test_sweep_keeps_the_boundary(monkeypatch):
    packet = make_paid_packet(Kind.EQUAL, 2, "1.00")
    moment = packet.pay_time + timedelta(hours=24)

    set_clocks(monkeypatch, moment - timedelta(microseconds=1))
    assert tasks.refund_expired() == 0
    set_clocks(monkeypatch, moment)
    assert tasks.refund_expired() == 1


def test_changed_setting_touches_new_packets_only(settings):
    packet = make_paid_packet()
    settings.REDPACKET_EXPIRE_S = 1

    now = timezone.now() + timedelta(seconds=2)

    assert refund.refund_expired(rp_id=packet.pk, now=now) is False
    young = make_paid_packet()
    assert refund.refund_expired(rp_id=young.pk, now=now) is True


# --- what comes back


def test_the_untaken_rest_comes_back_once():
    packet = make_paid_packet(Kind.EQUAL, 3, "1.50")
    take(packet, "u1")
    late = packet.expire_time

    assert refund.refund_expired(rp_id=packet.pk, now=late) is True
    assert refund.refund_expired(rp_id=packet.pk, now=late) is False

    assert refunds() == ["3.00"]
    assert f"{balance('alice').balance}" == "3.00"
    event = Event.objects.get(type="packet.expired")
    assert event.data == {
        "packet": packet.public_id,
        "for_id": "g1",
        "user_id": "alice",
        "return_money": "3.00",
        "taken_number": 1,
    }


def test_refund_reaches_a_frozen_wallet():
    packet = make_expired_packet(Kind.EQUAL, 1, "1.00")
    freeze_wallet(user_id="alice", reason="test", now=timezone.now())

    assert refund.refund_expired(rp_id=packet.pk, now=timezone.now()) is True

    assert f"{balance('alice').balance}" == "1.00"


def test_nothing_to_return_writes_no_line_and_no_news_of_expiry():
    packet = make_paid_packet(Kind.EQUAL, 1, "1.00")
    take(packet, "u1")
    packet.refresh_from_db()
    assert packet.is_cli_handle

    assert refund.refund_expired(rp_id=packet.pk, now=packet.expire_time) is False

    assert refunds() == []
    assert not Event.objects.filter(type="packet.expired").exists()
    assert Event.objects.filter(type="packet.finished").count() == 1


def test_all_taken_but_its_finisher_was_lost(monkeypatch):
    """It leaves the sweep's range, with its expend_time and its one piece of news."""
    packet = make_paid_packet(Kind.LUCKY, 1, "1.00")
    with monkeypatch.context() as patch:
        patch.setattr(grab.finish, "if_gone", lambda rp_id: None)
        take(packet, "u1")
    set_clocks(monkeypatch, packet.expire_time)

    for _ in range(2):
        assert tasks.refund_expired() == 0

    packet.refresh_from_db()
    assert packet.is_cli_handle
    assert packet.expend_time is not None
    assert refunds() == []
    assert [event.type for event in Event.objects.exclude(type="packet.issued").order_by("pk")] == [
        "packet.grabbed",
        "packet.finished",
    ]


# --- what may not be refunded


def test_frozen_packet_waits_until_it_is_free():
    packet = make_expired_packet()
    freeze.freeze(public_id=packet.public_id, reason="test", now=timezone.now())

    assert refund.refund_expired(rp_id=packet.pk, now=timezone.now()) is False
    assert tasks.refund_expired() == 0
    assert_untouched(packet)

    freeze.unfreeze(public_id=packet.public_id, reason="test", now=timezone.now())
    assert tasks.refund_expired() == 1


def test_draft_is_never_refunded():
    packet = make_packet()
    in_a_week = timezone.now() + timedelta(days=7)

    assert refund.refund_expired(rp_id=packet.pk, now=in_a_week) is False

    assert_untouched(packet)


@pytest.mark.broken_books
@pytest.mark.parametrize(
    "facts",
    [{"voided_at": timezone.now()}, {"pay_status": PayStatus.AWAITING}],
    ids=["void", "awaiting"],
)
def test_void_and_awaiting_packets_are_not_refunded(facts):
    packet = make_expired_packet()
    RedPacket.objects.filter(pk=packet.pk).update(**facts)

    assert refund.refund_expired(rp_id=packet.pk, now=timezone.now()) is False
    assert tasks.refund_expired() == 0

    assert_untouched(packet)


# --- the sweep over a backlog

BACKLOG = 450


def make_backlog(count: int = BACKLOG) -> list[int]:
    """Bulk copies of one expired packet, each a second younger; keys in the order of expiry."""
    first = make_expired_packet(Kind.EQUAL, 1, "1.00")
    copies = [copy(first) for _ in range(1, count)]
    for older, packet in enumerate(copies, start=1):
        packet.pk, packet.public_id = None, f"rp_{older:026d}"
        packet.expire_time -= timedelta(seconds=older)
    RedPacket.objects.bulk_create(copies)
    return list(RedPacket.objects.order_by("expire_time").values_list("pk", flat=True))


@pytest.mark.broken_books
def test_backlog_is_swept_by_key_oldest_first_and_past_bad_rows(monkeypatch):
    """A page at a time: no query reads more than a page, whatever the backlog."""
    keys = make_backlog()
    bad = set(keys[:3])
    worked = []

    def verb(*, rp_id, now):
        worked.append(rp_id)
        if rp_id in bad:
            raise ValueError("bad row")
        return RedPacket.objects.filter(pk=rp_id).update(is_cli_handle=True) == 1

    monkeypatch.setattr(refund, "refund_expired", verb)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert tasks.refund_expired() == BACKLOG - 3

    assert worked == keys
    reads = [q["sql"] for q in queries if re.match(r"SELECT.*red_packet", q["sql"])]
    assert len(reads) == -(-BACKLOG // sweeps.PAGE) + 1
    assert all(f"LIMIT {sweeps.PAGE}" in sql for sql in reads)
    assert not any("OFFSET" in sql for sql in reads)


@pytest.mark.broken_books
@pytest.mark.parametrize("is_first_page", [True, False])
def test_sweeps_read_the_index_of_what_is_due(is_first_page, monkeypatch):
    """Also when nearly all packets are dealt with, as they are after a year."""
    if connection.display_name == "OceanBase":
        pytest.skip("it writes its plans in words of its own")
    keys = make_backlog(3000)
    RedPacket.objects.exclude(pk__in=keys[:50]).update(is_cli_handle=True)
    if connection.vendor == "mysql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE TABLE red_packet")
    place = None if is_first_page else (RedPacket.objects.get(pk=keys[5]).expire_time, keys[5])
    plans = []
    monkeypatch.setattr(
        sweeps, "behind", lambda due, by, _: plans.append(plan(behind(due, by, place))) or []
    )

    tasks.refund_expired()
    tasks.finish_taken()

    assert len(plans) == 3, "refund_expired, and finish_taken for paid and awaiting"
    for plan_ in plans:
        assert CHOSEN[connection.vendor] in plan_
        assert "filesort" not in plan_
        assert "TEMP B-TREE" not in plan_


CHOSEN = {
    "sqlite": "USING INDEX packet_expiry_sweep",
    "mysql": '"key": "packet_expiry_sweep"',
}


def plan(query) -> str:
    if connection.vendor == "mysql":
        return query.explain(format="JSON").replace('\\"', '"')
    return query.explain()
