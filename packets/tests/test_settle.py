"""Settlement, step by step (Spec 1.7); its races live in tests/races."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from kit import outbox, pause, sweeps
from kit.http.caller import Caller
from kit.models import Event
from packets import freeze, grab, settle, tasks
from packets.audit import packets_are_sound
from packets.models import RedPacket, SettlementPass, Share
from packets.states import Kind
from packets.tasks import settle_due, settle_missed
from packets.tests.test_costs import statements, trips
from payments.models import PaymentOrder
from testing.make import confirm, end, make_group, make_paid_packet, make_reported_packet
from wallets import accounts, ledger
from wallets import freeze as wallet_freeze
from wallets.models import LedgerLine, Wallet
from wallets.statement import balance
from wallets.states import LineKind

NOW = timezone.now()
AGO = timedelta(minutes=5)


def grab_it(packet, user_id="u1", now=None) -> grab.Grab:
    now = now or timezone.now()
    return grab.grab(public_id=packet.public_id, caller=Caller(user_id), now=now)


def taken_packet(taken: int = 2, number: int = 3, now=None):
    """Reported, and some of its shares of 1.00 taken; the packet and its order."""
    now = now or timezone.now()
    packet, order = make_reported_packet(Kind.EQUAL, number, "1.00", now=now)
    for i in range(1, taken + 1):
        grab_it(packet, f"u{i}", now)
    return packet, order


def passes(packet) -> list[tuple]:
    rows = SettlementPass.objects.filter(packet=packet).order_by("number")
    return [(one.number, one.done_at is not None, one.shares, f"{one.money}") for one in rows]


def credited() -> list[str]:
    shares = Share.objects.filter(is_into_account=True).order_by("position")
    return sorted(shares.values_list("user_id", flat=True))


def credited_news() -> list[dict]:
    return [one.data for one in outbox.page(after=0, limit=200, types={"share.credited"}).news]


def broken() -> set[str]:
    return {finding.rule for finding in packets_are_sound()}


def test_first_pass_credits_every_taken_share():
    packet, order = taken_packet()
    now = timezone.now()
    confirm(order, now)

    assert settle.run_pass(rp_id=packet.pk, number=1, now=now)

    assert credited() == ["u1", "u2"]
    assert f"{balance('u1').balance}" == "1.00"
    share = Share.objects.get(user_id="u2")
    line = LedgerLine.objects.get(target="wallet:u2")
    assert (line.kind, line.reference) == (
        LineKind.GRAB,
        f"{packet.public_id}/{share.position}",
    )
    assert (line.source, f"{line.amount}") == (f"escrow:{packet.public_id}", "1.00")
    assert passes(packet) == [(1, True, 2, "2.00"), (2, False, 0, "0.00")]
    assert sorted(credited_news(), key=lambda data: data["user_id"]) == [
        {"packet": packet.public_id, "for_id": "g1", "user_id": user, "money": "1.00"}
        for user in ("u1", "u2")
    ]


def test_pass_is_run_once_and_not_before_its_time():
    packet, order = taken_packet()
    now = timezone.now()
    confirm(order, now)
    second = now + timedelta(seconds=settle.SETTLE_SECOND_PASS_S)

    assert not settle.run_pass(rp_id=packet.pk, number=2, now=second - timedelta(microseconds=1))
    assert settle.run_pass(rp_id=packet.pk, number=2, now=second)
    assert not settle.run_pass(rp_id=packet.pk, number=2, now=second)
    assert settle.run_pass(rp_id=packet.pk, number=1, now=second)

    assert passes(packet) == [(1, True, 0, "0.00"), (2, True, 2, "2.00")]
    assert LedgerLine.objects.filter(kind=LineKind.GRAB).count() == 2


def test_pass_that_somebody_works_on_is_left_to_him_until_his_lease_ends():
    packet, order = taken_packet()
    now = timezone.now()
    confirm(order, now)
    until = now + timedelta(seconds=settle.LEASE_S)
    SettlementPass.objects.filter(number=1).update(lease="somebody", leased_until=until)

    assert not settle.run_pass(rp_id=packet.pk, number=1, now=now)
    assert credited() == []

    assert settle.run_pass(rp_id=packet.pk, number=1, now=until)
    assert credited() == ["u1", "u2"]


def test_beat_runs_what_is_due_without_any_message():
    packet, order = taken_packet()
    confirm(order, timezone.now() - timedelta(minutes=1))

    assert settle_due() == 2
    assert settle_due() == 0

    assert passes(packet) == [(1, True, 2, "2.00"), (2, True, 0, "0.00")]


def test_second_pass_waits_for_its_time():
    packet, order = taken_packet()
    confirm(order, timezone.now())

    assert settle_due() == 1

    assert passes(packet) == [(1, True, 2, "2.00"), (2, False, 0, "0.00")]


def test_credit_at_the_grab_and_settlement_never_both_pay():
    packet, order = taken_packet(taken=1)
    confirm(order, timezone.now() - timedelta(minutes=1))
    assert grab_it(packet, "u2").share.is_into_account

    settle_due()

    assert passes(packet)[0] == (1, True, 1, "1.00")
    assert f"{balance('u1').balance} {balance('u2').balance}" == "1.00 1.00"


def test_frozen_packet_waits_and_is_settled_after_unfreezing():
    packet, order = taken_packet()
    freeze.freeze(public_id=packet.public_id, reason="test", now=timezone.now())
    confirm(order, timezone.now() - timedelta(minutes=1))

    assert not settle.due(timezone.now()).exists()
    assert settle_due() == 0
    assert settle.settle_packet(rp_id=packet.pk, now=timezone.now()).shares == 0
    assert credited() == []

    freeze.unfreeze(public_id=packet.public_id, reason="test", now=timezone.now())
    assert settle_due() == 2
    assert credited() == ["u1", "u2"]


def test_packet_frozen_between_confirmation_and_pass_waits():
    packet, order = taken_packet()
    confirm(order, timezone.now() - timedelta(minutes=1))
    freeze.freeze(public_id=packet.public_id, reason="test", now=timezone.now())

    assert settle_due() == 0
    assert not settle.run_pass(rp_id=packet.pk, number=1, now=timezone.now())

    freeze.unfreeze(public_id=packet.public_id, reason="test", now=timezone.now())
    assert settle_due() == 2


def test_packet_frozen_in_the_middle_of_a_settlement_moves_nothing(monkeypatch):
    packet, order = taken_packet()
    confirm(order, timezone.now())

    def frozen_meanwhile():
        RedPacket.objects.filter(pk=packet.pk).update(is_frozen=True)

    with pause.at("settle: has read what is owed", frozen_meanwhile, is_each=True):
        assert settle.settle_packet(rp_id=packet.pk, now=timezone.now()).shares == 0

    assert credited() == []
    RedPacket.objects.filter(pk=packet.pk).update(is_frozen=False)


def test_frozen_wallet_receives_what_it_is_owed():
    _packet, order = taken_packet()
    wallet_freeze.freeze(user_id="u1", reason="test", now=timezone.now())
    confirm(order, timezone.now())

    settle_due()

    assert f"{balance('u1').balance}" == "1.00"


def test_awaiting_and_void_packets_are_not_settled():
    packet, order = taken_packet(now=timezone.now() - AGO)
    assert settle.settle_packet(rp_id=packet.pk, now=timezone.now()).shares == 0
    assert settle_missed() == 0

    end(order, timezone.now())
    assert settle.settle_packet(rp_id=packet.pk, now=timezone.now()).shares == 0
    assert settle_missed() == 0

    assert credited() == []


def left_behind(packet) -> None:
    """Both passes are done, and yet somebody was not credited."""
    SettlementPass.objects.filter(packet=packet).update(done_at=timezone.now(), run_at=None)


def test_slow_sweep_credits_what_both_passes_missed():
    packet, order = taken_packet(now=timezone.now() - AGO)
    confirm(order, timezone.now() - AGO)
    left_behind(packet)

    assert settle_missed() == 1
    assert settle_missed() == 0

    assert credited() == ["u1", "u2"]


def test_slow_sweep_leaves_to_the_passes_what_is_theirs_and_frozen_packets_alone():
    packet, order = taken_packet(now=timezone.now() - AGO)
    confirm(order, timezone.now() - AGO)
    assert settle_missed() == 0

    left_behind(packet)
    freeze.freeze(public_id=packet.public_id, reason="test", now=timezone.now())
    assert settle_missed() == 0

    freeze.unfreeze(public_id=packet.public_id, reason="test", now=timezone.now())
    assert settle_missed() == 1


def test_what_is_owed_for_months_is_credited_too():
    """Left behind, then frozen for longer than the slow sweep looks back."""
    past = timezone.now() - timedelta(days=settle.MISSED_WITHIN_DAYS + 10)
    packet, order = taken_packet(now=past)
    confirm(order, past)
    left_behind(packet)
    Share.objects.filter(user_id__isnull=False).update(update_time=past)
    freeze.freeze(public_id=packet.public_id, reason="test", now=past)
    assert (settle_missed(), tasks.settle_long_missed()) == (0, 0)

    freeze.unfreeze(public_id=packet.public_id, reason="test", now=timezone.now())

    assert (settle_missed(), tasks.settle_long_missed()) == (0, 1)
    assert credited() == ["u1", "u2"]
    assert tasks.settle_long_missed() == 0


def test_shares_of_void_packets_hold_nobody_up(monkeypatch):
    """They stay owed for ever; the walk goes on behind them, a bounded number of them a run."""
    monkeypatch.setattr(sweeps, "PAGE", 2)
    monkeypatch.setattr(tasks, "LOOKED_AT_PAGES", 1)
    past = timezone.now() - timedelta(days=settle.MISSED_WITHIN_DAYS + 10)
    for _ in range(2):
        _, order = taken_packet(now=past)
        end(order, past)
    packet, order = taken_packet(now=past)
    confirm(order, past)
    left_behind(packet)
    Share.objects.filter(user_id__isnull=False).update(update_time=past)

    runs = [tasks.settle_long_missed() for _ in range(3)]

    assert runs == [0, 0, 1]
    assert credited() == ["u1", "u2"]


def test_one_bad_share_does_not_keep_the_others_waiting():
    packet, order = taken_packet(taken=3)
    now = timezone.now()
    confirm(order, now)
    bad = Share.objects.get(user_id="u2")
    with_line_already(packet, bad)

    assert not settle.run_pass(rp_id=packet.pk, number=1, now=now)

    assert credited() == ["u1", "u3"]
    one = SettlementPass.objects.get(number=1)
    assert (one.done_at, one.shares, one.money) == (None, 2, Decimal("2.00"))
    assert one.run_at == now + timedelta(seconds=settle.AGAIN_S)

    LedgerLine.objects.filter(target="wallet:u2")._raw_delete("default")
    Wallet.objects.filter(user_id="u2").delete()
    assert settle.run_pass(rp_id=packet.pk, number=1, now=one.run_at)
    assert passes(packet)[0] == (1, True, 3, "3.00")


def with_line_already(packet, share) -> None:
    from django.db import transaction

    with transaction.atomic():
        ledger.post(
            kind=LineKind.GRAB,
            reference=f"{packet.public_id}/{share.position}",
            source=accounts.escrow(packet.public_id),
            target=accounts.wallet(share.user_id),
            amount=share.money,
            now=NOW,
        )


def test_a_bad_packet_does_not_stop_the_sweep():
    bad, first = taken_packet(number=2)
    good, second = taken_packet(number=2)
    confirm(first, timezone.now() - timedelta(minutes=2))
    confirm(second, timezone.now() - timedelta(minutes=1))
    with_line_already(bad, Share.objects.get(rp=bad, user_id="u2"))

    settle_due()

    assert Share.objects.filter(rp=good, is_into_account=True).count() == 2
    assert Share.objects.filter(rp=bad, is_into_account=True).count() == 1
    line = LedgerLine.objects.get(target="wallet:u2", source=f"escrow:{bad.public_id}")
    Share.objects.filter(rp=bad, user_id="u2").update(is_into_account=True)  # as its line says
    assert line.amount == 1


def hundred_taken():
    make_group("alice", *(f"u{i}" for i in range(1, 101)))
    return taken_packet(taken=100, number=100)


CREDITED = ["SELECT", "UPDATE", "UPDATE", "SELECT", "INSERT", "INSERT", "INSERT"]


def test_settlement_of_100_shares_takes_nine_statements():
    packet, order = hundred_taken()
    now = timezone.now()
    confirm(order, now)

    with statements() as sent:
        assert settle._settle(rp_id=packet.pk, number=1, now=now).shares == 100

    assert sent == ["BEGIN", *CREDITED, "COMMIT"]
    assert len(credited()) == 100
    assert passes(packet)[0] == (1, True, 100, "100.00")


def test_settlement_of_100_shares_is_three_trips_to_mariadb(on_mariadb, monkeypatch):
    """BEGIN goes with the look; all that is written is sent together."""
    packet, order = hundred_taken()
    now = timezone.now()
    confirm(order, now)

    with trips(monkeypatch) as sent:
        assert settle._settle(rp_id=packet.pk, number=1, now=now).shares == 100

    words = [[statement.split()[0] for statement in trip.split("; ")] for trip in sent]
    assert words == [["BEGIN", "SELECT"], CREDITED[1:], ["COMMIT"]]


def test_takers_are_told_of_a_set_as_each_of_them_would_be():
    """One row holds them all: what is read of it is to the letter what tell() would write."""
    packet, order = hundred_taken()
    confirm(order, NOW)

    settle.settle_packet(rp_id=packet.pk, now=NOW)

    assert Event.objects.get(type="share.credited").pieces == 100
    told = credited_news()
    assert sorted(data["user_id"] for data in told) == sorted(f"u{i}" for i in range(1, 101))
    data = {"packet": packet.public_id, "for_id": "g1", "user_id": told[0]["user_id"]}
    assert json.dumps(told[0]) == json.dumps(data | {"money": "1.00"})


def test_a_taker_whose_name_would_have_to_be_escaped_keeps_nobody_waiting():
    """No token bears such an id, and none gets into a statement."""
    packet, order = taken_packet()
    Share.objects.filter(user_id="u2").update(user_id="u'2")
    confirm(order, NOW)

    assert not settle.run_pass(rp_id=packet.pk, number=1, now=NOW)

    assert credited() == ["u1"]
    Share.objects.filter(user_id="u'2").update(user_id="u2")


def test_a_pass_that_somebody_else_has_done_moves_nothing():
    """He was quicker between the look and what is written by it."""
    packet, order = taken_packet()
    now = timezone.now()
    confirm(order, now)

    def done_meanwhile() -> None:
        SettlementPass.objects.filter(number=1).update(done_at=now, run_at=None)

    with pause.at("settle: has read what is owed", done_meanwhile):
        assert not settle.run_pass(rp_id=packet.pk, number=1, now=now)

    assert credited() == []
    assert not LedgerLine.objects.filter(kind=LineKind.GRAB).exists()


def post_set(source: str, rows: list[tuple[str, str, int]]) -> None:
    from django.db import transaction

    credits = [ledger.Credit(*row) for row in rows]
    with transaction.atomic():
        ledger.post_many(kind=LineKind.GRAB, source=source, credits=credits, now=NOW)


def test_a_set_is_not_paid_out_of_a_wallet():
    with pytest.raises(ValueError, match="wallet"):
        post_set(accounts.wallet("u1"), [("x", "u2", 100)])


def test_a_set_with_one_repeated_reference_moves_nothing():
    packet = make_paid_packet(Kind.EQUAL, 2, "1.00")
    grab_it(packet, "u1")
    taken = LedgerLine.objects.get(kind=LineKind.GRAB)
    rows = [("something/1", "u3", 10), (taken.reference, "u2", 20)]

    with pytest.raises(ledger.AlreadyPosted):
        post_set(accounts.escrow(packet.public_id), rows)

    assert LedgerLine.objects.filter(kind=LineKind.GRAB).count() == 1
    assert not Wallet.objects.filter(user_id__in=["u2", "u3"]).exists()


def test_credits_of_a_set_are_exact_to_the_fen():
    """0.10 + 0.20 in floating point is not 0.30; a balance of that kind could not be spent."""
    for amount in ("0.10", "0.20", "0.70"):
        packet, order = make_reported_packet(Kind.EQUAL, 1, amount)
        grab_it(packet)
        confirm(order, timezone.now())
        settle_due()

    assert Wallet.objects.filter(user_id="u1", balance=Decimal("1.00")).exists()


# --- the audit's rules, each broken once


@pytest.mark.broken_books
@pytest.mark.parametrize(
    ("model", "where", "wrong", "rule"),
    [
        (SettlementPass, {"number": 1}, {"number": 2}, "a_confirmation_queues_two_passes"),
        (
            SettlementPass,
            {"number": 2},
            {"run_at": None, "done_at": None},
            "open_passes_are_queued_unless_frozen",
        ),
        (SettlementPass, {"number": 2}, {"money": 1}, "passes_credit_what_is_credited"),
        (LedgerLine, {"kind": 6}, {"source": "clearing:wechat"}, "movements_are_in_the_ledger"),
        (LedgerLine, {"kind": 6}, {"amount": 1}, "movements_are_in_the_ledger"),
        (PaymentOrder, {}, {"trade_no": "another"}, "movements_are_in_the_ledger"),
        (RedPacket, {}, {"pay_type": 2}, "movements_are_in_the_ledger"),
        (RedPacket, {}, {"voided_at": NOW}, "only_awaiting_packets_are_voided"),
    ],
)
def test_audit_of_a_confirmed_packet(model, where, wrong, rule):
    _packet, order = taken_packet()
    confirm(order, timezone.now() - AGO)
    settle_due()
    assert broken() == set()

    if "number" in wrong:
        model.objects.filter(number=2).delete()
    model.objects.filter(**where).update(**wrong)

    assert rule in broken()


@pytest.mark.broken_books
def test_audit_finds_a_share_that_both_passes_missed(monkeypatch):
    packet, order = taken_packet()
    confirm(order, timezone.now())
    left_behind(packet)

    assert broken() == set(), "the slow sweep has not had its time"
    monkeypatch.setattr("packets.audit.SWEPT_WITHIN_S", 0)
    assert broken() == {"taken_shares_are_credited"}


@pytest.mark.broken_books
@pytest.mark.parametrize(
    ("model", "where", "wrong", "rule"),
    [
        (RedPacket, {}, {"return_money": 1}, "a_void_packet_returns_nothing"),
        (RedPacket, {}, {"is_cli_handle": False}, "returned_means_dealt_with"),
        (Share, {"user_id": None}, {"is_returned": False}, "a_void_packet_is_closed"),
        (Share, {"user_id": "u1"}, {"is_into_account": True}, "only_paid_packets_credit"),
    ],
)
def test_audit_of_a_void_packet(model, where, wrong, rule):
    _packet, order = taken_packet()
    end(order, timezone.now())
    assert broken() == set()

    model.objects.filter(**where).update(**wrong)

    assert rule in broken()


@pytest.mark.broken_books
def test_audit_finds_channel_money_in_the_escrow_of_no_packet():
    from django.db import transaction

    from packets.audit import lines_have_their_packets

    with transaction.atomic():
        ledger.post(
            kind=LineKind.CHANNEL_PAY,
            reference="order",
            source=accounts.clearing("alipay"),
            target=accounts.escrow("rp_nobody"),
            amount=Decimal(1),
            now=NOW,
        )

    assert [finding.rule for finding in lines_have_their_packets()] == ["lines_have_their_packets"]
