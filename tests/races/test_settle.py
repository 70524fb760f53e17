"""Grabs, confirmations, passes and voids race; each guard with its twin."""

import threading
import time
from collections import Counter
from datetime import timedelta

import pytest
from django.db import OperationalError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from kit import outbox, pause, sql
from kit.http.caller import Caller
from kit.models import Event
from packets import freeze, grab, issue, refund, settle, settle_sql, void
from packets.models import RedPacket, SettlementPass, Share
from packets.states import Kind, Outcome, PayStatus
from packets.tasks import settle_due, settle_missed
from payments.models import PaymentOrder
from payments.states import OrderStatus, PayType
from testing.forks import in_processes, in_threads
from testing.make import confirm, end, make_order, make_packet, make_reported_packet, report
from testing.storm import storm
from tests.races.test_kills import killed_at_each_statement
from tests.races.test_twins import without_constraint
from wallets.models import LedgerLine, Wallet
from wallets.states import LineKind

LONG_AGO = timedelta(minutes=1)


def grab_it(packet, user_id="u1") -> grab.Grab:
    return grab.grab(public_id=packet.public_id, caller=Caller(user_id), now=timezone.now())


def taken_packet(taken: int = 2, number: int = 3):
    packet, order = make_reported_packet(Kind.EQUAL, number, "1.00")
    for i in range(1, taken + 1):
        grab_it(packet, f"u{i}")
    return packet, order


def targets(order) -> list[str]:
    """Where the money of this order went."""
    references = [order.order_no, f"{PayType(order.pay_type).word}:t-{order.order_no}"]
    lines = LedgerLine.objects.filter(source__startswith="clearing:", reference__in=references)
    return [line.target for line in lines]


def assert_credited_once(packet, shares: int) -> None:
    assert Share.objects.filter(rp=packet, is_into_account=True).count() == shares
    lines = LedgerLine.objects.filter(kind=LineKind.GRAB, source=f"escrow:{packet.public_id}")
    assert lines.count() == shares


# --- why twice: a grab that has read "awaiting" commits after pass one has looked


def grab_across_pass_one():
    """u1 wins his share, reads awaiting; the confirmation commits, pass one runs; u1 commits."""
    packet, order = make_reported_packet(Kind.EQUAL, 2, "1.00")

    def confirmed_meanwhile():
        now = timezone.now()
        assert in_threads([lambda: confirm(order, now)]) == [True]
        assert in_threads([lambda: settle.run_pass(rp_id=packet.pk, number=1, now=now)]) == [True]

    with pause.at("grab: has looked whether it is paid", confirmed_meanwhile):
        result = grab_it(packet)
    assert result.outcome is Outcome.GRABBED
    assert not result.share.is_into_account
    return packet


def test_second_pass_credits_the_grab_that_raced_with_the_confirmation(on_mariadb, monkeypatch):
    packet = grab_across_pass_one()
    second = SettlementPass.objects.get(number=2)

    assert settle.run_pass(rp_id=packet.pk, number=2, now=second.due_at)

    assert_credited_once(packet, 1)
    passes = SettlementPass.objects.order_by("number").values_list("shares", flat=True)
    assert list(passes) == [0, 1]


def test_single_pass_leaves_the_grab_that_raced_uncredited(on_mariadb, monkeypatch):
    packet = grab_across_pass_one()

    assert Share.objects.get(user_id="u1").is_into_account is False
    assert RedPacket.objects.get(pk=packet.pk).pay_status == PayStatus.PAID
    assert not Wallet.objects.filter(user_id="u1").exists()


def test_slow_sweep_credits_the_grab_that_outlived_both_passes(on_mariadb, monkeypatch):
    packet = grab_across_pass_one()
    SettlementPass.objects.filter(number=2).update(done_at=timezone.now(), run_at=None)
    long_ago = timezone.now() - LONG_AGO
    Share.objects.filter(user_id="u1").update(update_time=long_ago)

    assert settle_missed() == 1

    assert_credited_once(packet, 1)


# --- no grab in flight is waited for: shares are claimed by their keys


def in_flight(meanwhile) -> list:
    """u3 has won his share and not committed yet; what meanwhile() comes to in another thread."""
    packet, order = taken_packet(taken=2)
    found = []

    def confirmed_meanwhile():
        assert in_threads([lambda: confirm(order, timezone.now())]) == [True]
        found.extend(in_threads([lambda: meanwhile(packet)]))

    with pause.at("grab: has looked whether it is paid", confirmed_meanwhile):
        grab_it(packet, "u3")
    return found


def impatiently(work):
    with connection.cursor() as cursor:
        cursor.execute(connection.lock_wait(0))
    return work()


def test_settlement_waits_for_no_grab_in_flight(on_mariadb, monkeypatch):
    def settled(packet):
        return impatiently(lambda: settle.settle_packet(rp_id=packet.pk, now=timezone.now()).shares)

    assert in_flight(settled) == [2]
    assert Share.objects.get(user_id="u3").is_into_account is False


def test_settlement_waits_for_grabs_in_flight_when_it_claims_by_the_where(mariadb_alone):
    def claimed(packet):
        shares = Share.objects.filter(rp=packet, user_id__isnull=False, is_into_account=False)
        return impatiently(lambda: shares.update(is_into_account=True))

    (error,) = in_flight(claimed)

    assert isinstance(error, OperationalError)
    assert error.args[0] == 1205


# --- two workers on one packet


def settled_twice():
    """Two settlements have read the same shares; one commits, the other goes on."""
    packet, order = taken_packet(taken=1)
    confirm(order, timezone.now())

    def settle_it():
        settle.settle_packet(rp_id=packet.pk, now=timezone.now())

    with pause.at("settle: has read what is owed", lambda: in_threads([settle_it])):
        settle_it()
    return packet


def test_two_settlements_of_the_same_share(on_mariadb, monkeypatch):
    packet = settled_twice()

    assert Wallet.objects.get(user_id="u1").balance == 1
    assert Event.objects.filter(type="share.credited").count() == 1
    assert_credited_once(packet, 1)


@pytest.mark.broken_books
def test_two_settlements_of_the_same_share_without_the_claim(on_mariadb, monkeypatch):
    """Without the claim's WHERE the reference would still refuse; without both he is paid twice."""
    original = settle_sql.claim()
    credited = connection.ops.quote_name("is_into_account")
    careless = original.replace(f" AND {credited} = 0", "")
    assert careless != original
    monkeypatch.setattr(settle_sql, "claim", lambda: careless)

    with without_constraint(LedgerLine, "ledger_kind_reference"):
        settled_twice()

        assert Wallet.objects.get(user_id="u1").balance == 2


def test_four_workers_on_one_pass(on_mariadb):
    packet, order = taken_packet(taken=3)
    now = timezone.now()
    confirm(order, now)

    done = in_processes(lambda _: settle.run_pass(rp_id=packet.pk, number=1, now=now), range(4))

    assert sorted(done) == [False, False, False, True]
    assert_credited_once(packet, 3)
    one = SettlementPass.objects.get(number=1)
    assert (one.shares, one.money) == (3, 3)


def test_beat_started_twice(on_mariadb):
    packets = [taken_packet(taken=3) for _ in range(20)]
    for _, order in packets:
        confirm(order, timezone.now() - LONG_AGO)

    done = in_processes(lambda _: settle_due(), range(3))

    assert sum(done) == 40
    for packet, _ in packets:
        assert_credited_once(packet, 3)


# --- killed between any two statements


def confirmed_long_ago():
    packet, order = taken_packet()
    confirm(order, timezone.now() - LONG_AGO)
    return packet


def counted_and_credited(packet) -> None:
    settle_due()
    counted = SettlementPass.objects.filter(packet=packet).values_list("shares", flat=True)
    assert sum(counted) == 2
    assert_credited_once(packet, 2)


def test_killed_settlement_credits_everybody_once():
    def credited(packet):
        counted_and_credited(packet)
        assert not SettlementPass.objects.filter(packet=packet, done_at=None).exists()

    deaths = killed_at_each_statement(
        confirmed_long_ago,
        lambda packet: settle.run_pass(rp_id=packet.pk, number=1, now=timezone.now()),
        credited,
    )

    assert deaths >= (4 if sql.is_mysql() else 9)  # MariaDB hears what is written in one piece


def test_killed_settlement_share_by_share_credits_everybody_once(monkeypatch):
    def one_by_one(packet):
        settle._settle_one_by_one(packet.pk, 1, timezone.now(), None)

    deaths = killed_at_each_statement(confirmed_long_ago, one_by_one, counted_and_credited)

    assert deaths >= 14


def test_killed_confirmation_confirms_once():
    def confirmed_once(subject):
        packet, order = subject
        confirm(order, timezone.now() - LONG_AGO)
        settle_due()
        assert_credited_once(packet, 2)
        assert SettlementPass.objects.filter(packet=packet).count() == 2
        assert LedgerLine.objects.filter(target=f"escrow:{packet.public_id}").count() == 1

    deaths = killed_at_each_statement(
        taken_packet,
        lambda subject: confirm(subject[1], timezone.now() - LONG_AGO),
        confirmed_once,
    )

    assert deaths >= 10


def test_killed_void_voids_once():
    def voided_once(subject):
        packet, order = subject
        end(order, timezone.now())
        voided = Event.objects.filter(type="packet.voided", data__packet=packet.public_id)
        assert [event.data["takers"] for event in voided] == [["u1", "u2"]]

    deaths = killed_at_each_statement(
        taken_packet, lambda subject: end(subject[1], timezone.now()), voided_once
    )

    assert deaths >= 8


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


WAITING = (
    "SELECT COUNT(*) FROM information_schema.innodb_trx"
    " JOIN information_schema.processlist ON id = trx_mysql_thread_id"
    " WHERE trx_state = 'LOCK WAIT' AND db = DATABASE()"
)
# OceanBase does not always say who waits, but how long a statement has been at it.
LONG_AT_IT = (
    "SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE()"
    " AND state = 'ACTIVE' AND info LIKE '%UPDATE%' AND time >= 1 AND id <> CONNECTION_ID()"
)


def wait_for_a_lock_wait() -> None:
    """In this worker's database: the server is shared with another worker's races."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with connection.cursor() as cursor:
            for question in (WAITING,) if connection.mysql_is_mariadb else (WAITING, LONG_AT_IT):
                cursor.execute(question)
                if cursor.fetchone()[0]:
                    return
        time.sleep(0.15)  # the server refreshes this table every 0.1 s
    raise AssertionError("nobody waited")


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


# --- all at once


def test_storm(on_mariadb):
    done = storm(packets=40)

    credited = (
        done.credited_by_the_grab
        + done.credited_by_the_first_pass
        + done.left_for_the_second
        + done.left_for_the_sweep
    )
    assert credited == done.grabs == 400
    assert done.credited_by_the_grab > 0
    assert done.credited_by_the_first_pass > 0


# --- a pass that read "frozen" while the unfreezing committed


def pass_while_unfrozen() -> RedPacket:
    """Confirmed while frozen; a worker reads the packet, it is unfrozen, and he goes on."""
    packet, order = taken_packet()
    reason = {"public_id": packet.public_id, "reason": "test", "now": timezone.now()}
    freeze.freeze(**reason)
    confirm(order, timezone.now() - LONG_AGO)

    def unfrozen_meanwhile():
        assert in_threads([lambda: freeze.unfreeze(**reason)]) == [True]

    with pause.at("settle: has read what is owed", unfrozen_meanwhile):
        settle.run_pass(rp_id=packet.pk, number=1, now=timezone.now())
    return packet


def test_pass_that_read_frozen_is_not_done(on_mariadb, monkeypatch):
    packet = pass_while_unfrozen()

    assert SettlementPass.objects.get(number=1).done_at is None
    assert settle_due() == 2
    assert_credited_once(packet, 2)
    assert SettlementPass.objects.get(number=1).shares == 2


@pytest.mark.broken_books
def test_pass_that_read_frozen_is_not_done_without_the_guard(on_mariadb, monkeypatch):
    """Where "frozen" and "nothing is owed" are one answer, the pass is done for nothing."""
    careless = f"{settle_sql.owed()} UNION ALL SELECT '', '', NULL, NULL, NULL, NULL"
    monkeypatch.setattr(settle_sql, "owed", lambda: careless)

    pass_while_unfrozen()

    first = SettlementPass.objects.get(number=1)
    assert (first.done_at is not None, first.shares) == (True, 0)
    assert Share.objects.filter(owed_at__isnull=False).count() == 2


def frozen_under_each_share() -> tuple[RedPacket, SettlementPass]:
    """One by one: the packet is frozen while its shares are to be claimed."""
    packet, order = taken_packet()
    confirm(order, timezone.now() - LONG_AGO)
    reason = {"public_id": packet.public_id, "reason": "test", "now": timezone.now()}

    def frozen():
        in_threads([lambda: freeze.freeze(**reason)])

    def unfrozen():
        in_threads([lambda: freeze.unfreeze(**reason)])

    with (
        pause.at("settle: has come to a share", frozen),
        pause.at("settle: has tried each share", unfrozen),
    ):
        settle._settle_one_by_one(packet.pk, 1, timezone.now(), None)
    return packet, SettlementPass.objects.get(number=1)


def test_share_that_was_frozen_for_a_moment_keeps_its_pass(on_mariadb, monkeypatch):
    packet, first = frozen_under_each_share()

    assert first.done_at is None
    settle.settle_packet(rp_id=packet.pk, now=timezone.now())
    assert_credited_once(packet, 2)


@pytest.mark.broken_books
def test_share_that_was_frozen_for_a_moment_keeps_its_pass_without_the_count(
    on_mariadb, monkeypatch
):
    """A share that could not be claimed is taken for one that somebody else has credited."""
    settled = settle.Settled
    monkeypatch.setattr(settle, "Settled", lambda shares, money, left=0: settled(shares, money))

    _, first = frozen_under_each_share()

    assert (first.done_at is not None, first.shares) == (True, 0)


# --- no lock is taken to read


def test_no_path_reads_for_update():
    with CaptureQueriesContext(connection) as asked:
        packet, order = taken_packet()
        confirm(order, timezone.now() - LONG_AGO)
        grab_it(packet, "u3")
        settle_due()
        settle_missed()
        settle.settle_packet(rp_id=packet.pk, now=timezone.now())
        settle._settle_one_by_one(packet.pk, None, timezone.now(), None)
        freeze.freeze(public_id=packet.public_id, reason="test", now=timezone.now())
        freeze.unfreeze(public_id=packet.public_id, reason="test", now=timezone.now())
        refund.refund_expired(rp_id=packet.pk, now=timezone.now() + timedelta(days=2))
        other, order = taken_packet()
        report(order, timezone.now())
        end(order, timezone.now())

    said = [query["sql"].upper() for query in asked.captured_queries]
    assert any("SETTLEMENTPASS" in sql for sql in said)
    assert RedPacket.objects.get(pk=other.pk).voided_at is not None
    assert not [sql for sql in said if "FOR UPDATE" in sql or "SHARE MODE" in sql]
