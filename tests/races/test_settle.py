"""Grabs, confirmations and passes race; each guard with its twin."""

from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from kit import pause, sql
from kit.http.caller import Caller
from kit.models import Event
from packets import freeze, grab, refund, settle, settle_sql
from packets.models import RedPacket, SettlementPass, Share
from packets.states import Kind, Outcome, PayStatus
from packets.tasks import settle_due, settle_missed
from payments.states import PayType
from testing.forks import in_processes, in_threads
from testing.make import confirm, end, make_reported_packet, report
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
