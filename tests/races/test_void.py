"""Voids race with confirmations, with grabs and with one another; each guard with its twin."""

import threading
from collections import Counter

import pytest
from django.db import connections, transaction
from django.utils import timezone

from kit import outbox, pause
from kit.models import Event
from packets import freeze, issue, settle, void
from packets.models import RedPacket, SettlementPass, Share
from packets.states import Kind, Outcome, PayStatus
from packets.tasks import settle_due
from payments.models import PaymentOrder
from payments.states import OrderStatus, PayType
from testing.forks import in_processes, in_threads
from testing.make import confirm, end, make_order, make_packet, make_reported_packet
from tests.races.test_settle import grab_it, taken_packet, targets
from tests.races.waiting import wait_for_a_lock_wait
from wallets.models import LedgerLine

# --- confirmation against void


def closed_order(packet: RedPacket) -> PaymentOrder:
    """Closed here already; its payment arrives nevertheless."""
    late = make_order(packet, PayType.WECHAT)
    PaymentOrder.objects.filter(pk=late.pk).update(status=OrderStatus.CLOSED)
    return late


def confirmed_after(late: PaymentOrder, other) -> bool:
    """Its packet is found awaiting and the money posted; before its row is changed, other() is."""

    def overtaken():
        assert in_threads([other]) == [True]

    with pause.at("issue: has found it issued", overtaken):
        return confirm(late, timezone.now())


def confirm_while_voided():
    """The packet is found awaiting and the money posted; before its row is changed, it is voided.
    The payment comes through an order that was closed here already."""
    packet, reported = taken_packet()
    confirmed_after(closed_order(packet), lambda: end(reported, timezone.now()))
    packet.refresh_from_db()
    return packet


def test_confirmation_and_void(on_mariadb, monkeypatch):
    packet = confirm_while_voided()

    assert packet.voided_at is not None
    assert packet.pay_status == PayStatus.AWAITING
    assert [line.target for line in LedgerLine.objects.all()] == ["suspense"]


@pytest.mark.broken_books
def test_confirmation_and_void_without_the_guard(on_mariadb, monkeypatch):
    def careless(packet, order):
        return RedPacket.objects.filter(pk=packet.pk).update(pay_status=PayStatus.PAID) == 1

    monkeypatch.setattr(issue, "arrived", careless)
    packet = confirm_while_voided()

    assert packet.voided_at is not None
    assert packet.pay_status == PayStatus.PAID, "its takers were told that it is void"


def test_confirmations_voids_and_freezes_from_many_processes(on_mariadb):
    """Whatever comes first: the money is in one place, and the audit agrees."""
    subjects = []
    for _ in range(12):
        packet, reported = taken_packet()
        subjects.append((packet, reported, closed_order(packet)))

    def work(part: int) -> None:
        for packet, reported, late in subjects:
            now = timezone.now()
            if part == 0:
                confirm(late, now)
            elif part == 1:
                end(reported, now)
            elif part == 2:
                freeze.freeze(public_id=packet.public_id, reason="test", now=now)
                freeze.unfreeze(public_id=packet.public_id, reason="test", now=now)
            else:
                settle_due()

    in_processes(work, range(4))

    for packet, _, late in subjects:
        packet.refresh_from_db()
        (target,) = targets(late)
        if packet.voided_at:
            assert (packet.pay_status, target) == (PayStatus.AWAITING, "suspense")
        else:
            assert (packet.pay_status, target) == (
                PayStatus.PAID,
                f"escrow:{packet.public_id}",
            )
            assert SettlementPass.objects.filter(packet=packet).count() == 2


# --- two orders of one packet


def test_two_orders_confirmed_at_once(on_mariadb):
    subjects = []
    for _ in range(10):
        packet = make_packet()
        orders = [make_order(packet, PayType(pay_type)) for pay_type in (1, 2, 3)]
        subjects.append((packet, orders))

    won = in_processes(
        lambda part: [confirm(orders[part], timezone.now()) for _, orders in subjects], range(3)
    )

    for (packet, _), each in zip(subjects, zip(*won, strict=True), strict=True):
        assert Counter(each) == {True: 1, False: 2}
        packet.refresh_from_db()
        assert packet.pay_status == PayStatus.PAID
        assert LedgerLine.objects.filter(target=f"escrow:{packet.public_id}").count() == 1
        assert SettlementPass.objects.filter(packet=packet).count() == 2
    assert LedgerLine.objects.filter(target="suspense").count() == 20


def confirmed_by_both():
    packet, first = taken_packet()
    # Closed: the first one's confirmation would wait to close it at its channel.
    return packet, confirmed_after(closed_order(packet), lambda: confirm(first, timezone.now()))


def test_second_order_confirmed_in_the_middle_of_the_first(on_mariadb, monkeypatch):
    packet, won = confirmed_by_both()

    assert not won
    assert LedgerLine.objects.filter(target=f"escrow:{packet.public_id}").count() == 1


@pytest.mark.broken_books
def test_second_order_confirmed_in_the_middle_of_the_first_without_the_guard(
    on_mariadb, monkeypatch
):
    def careless(packet, order):
        return RedPacket.objects.filter(pk=packet.pk).update(pay_status=PayStatus.PAID) == 1

    schedule = settle.schedule
    passes = SettlementPass.objects
    monkeypatch.setattr(
        settle, "schedule", lambda *args: None if passes.exists() else schedule(*args)
    )
    monkeypatch.setattr(issue, "arrived", careless)
    packet, won = confirmed_by_both()

    assert won
    assert LedgerLine.objects.filter(target=f"escrow:{packet.public_id}").count() == 2


def test_two_orders_that_end_at_once_void_their_packet(on_mariadb):
    subjects = []
    for _ in range(20):
        packet, order = make_reported_packet()
        subjects.append((order, make_order(packet, PayType.WECHAT)))

    in_processes(
        lambda part: [end(orders[part], timezone.now()) for orders in subjects] and None,
        range(2),
    )

    assert RedPacket.objects.filter(voided_at=None).count() == 0
    assert Event.objects.filter(type="packet.voided").count() == 20


@pytest.mark.broken_books
def test_two_orders_that_end_at_once_without_taking_turns(on_mariadb):
    """Each reads the other as still payable, and the packet waits for ever."""
    packet, first = make_reported_packet()
    second = make_order(packet, PayType.WECHAT)

    def end_without_turn(order) -> bool:
        PaymentOrder.objects.filter(pk=order.pk).update(status=OrderStatus.UNPAID)
        others = PaymentOrder.objects.filter(reference=packet.public_id, status__in=(0, 1))
        return others.exclude(pk=order.pk).exists()

    def end_second() -> bool:
        with transaction.atomic():
            return end_without_turn(second)

    with transaction.atomic():
        first_lives_on = end_without_turn(first)
        second_lives_on = in_threads([end_second])

    assert (first_lives_on, second_lives_on) == (True, [True])


# --- a late grab against the void: close first, count after


def void_while_grabbing() -> tuple[RedPacket, list[str]]:
    """u1 has won his share; the void begins, and he commits while it waits; whom it told."""
    packet, order = make_reported_packet(Kind.EQUAL, 2, "1.00")

    def end_it():
        try:
            end(order, timezone.now())
        finally:
            connections.close_all()

    voiding = threading.Thread(target=end_it)

    def voided_meanwhile():
        voiding.start()
        wait_for_a_lock_wait()

    with pause.at("grab: has looked whether it is paid", voided_meanwhile):
        assert grab_it(packet).outcome is Outcome.GRABBED
    voiding.join()
    packet.refresh_from_db()
    assert packet.voided_at is not None
    return packet, Event.objects.get(type="packet.voided").data["takers"]


def test_late_grab_and_void(on_mariadb, monkeypatch):
    _, told = void_while_grabbing()

    assert told == ["u1"]


@pytest.mark.broken_books
def test_late_grab_and_void_without_the_order(on_mariadb, monkeypatch):
    """Count first, close after: he took a share of a void packet, and nobody tells him."""

    def count_first(packet, now):
        shares = Share.objects.filter(rp=packet)
        takers = list(shares.filter(user_id__isnull=False).values_list("user_id", flat=True))
        shares.filter(user_id=None).update(is_returned=True)
        RedPacket.objects.filter(pk=packet.pk).update(voided_at=now, is_cli_handle=True)
        outbox.tell("packet.voided", now=now, takers=takers)

    monkeypatch.setattr(void, "void", count_first)
    _, told = void_while_grabbing()

    assert told == []
    assert Share.objects.filter(user_id="u1").exists()
