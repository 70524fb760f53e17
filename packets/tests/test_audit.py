"""Each rule of the packets is broken by hand and named, or its constraint refuses the break."""

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.db import IntegrityError, connection
from django.db.models import QuerySet
from django.utils import timezone

from kit.http.caller import Caller
from packets import audit, grab, refund
from packets.models import GroupMember, RedPacket, Share
from packets.states import Kind
from testing import rules
from testing.make import make_expired_packet, make_packet, make_paid_packet, make_reported_packet
from wallets import audit as wallets_audit
from wallets import reach
from wallets.audit import audit as findings
from wallets.models import LedgerLine
from wallets.tests.test_audit import by_hand, line_by_hand

LATELY = timezone.localdate() - timedelta(days=4)


@pytest.fixture
def story():
    """A packet in each state, through the verbs; the books are clean."""
    told = SimpleNamespace(
        lucky=make_paid_packet(Kind.LUCKY, 3, "10.00"),
        equal=make_paid_packet(Kind.EQUAL, 2, "1.00"),
        finished=make_paid_packet(Kind.EQUAL, 1, "1.00"),
        expired=make_expired_packet(Kind.EQUAL, 2, "1.00"),
        exclusive=make_paid_packet(Kind.EXCLUSIVE, 2, "1.00"),
    )
    for packet in (told.lucky, told.equal, told.finished, told.exclusive):
        grab.grab(public_id=packet.public_id, caller=Caller("u1"), now=timezone.now())
    refund.refund_expired(rp_id=told.expired.pk, now=timezone.now())
    assert findings() == []
    told.draft = make_packet(Kind.EQUAL, 1, "1.00")
    return told


def of_packet(packet, change: str, *values) -> None:
    by_hand(f"UPDATE red_packet SET {change} WHERE id = %s", *values, packet.pk)


def of_share(packet, position: int, change: str, *values) -> None:
    where = "WHERE rp_id = %s AND position = %s"
    by_hand(f"UPDATE red_packet_log SET {change} {where}", *values, packet.pk, position)


def untaken(packet) -> int:
    return Share.objects.filter(rp=packet, user_id=None).latest("position").position


def taken(packet) -> int:
    return Share.objects.get(rp=packet, user_id="u1").position


def swap_largest_and_smallest(packet) -> None:
    """10.00 over three cannot be three times the same."""
    shares = sorted(Share.objects.filter(rp=packet), key=lambda share: share.money)
    of_share(packet, shares[0].position, "money = %s", shares[-1].money)
    of_share(packet, shares[-1].position, "money = %s", shares[0].money)


def move_a_fen(packet) -> None:
    of_share(packet, 1, "money = 1.01")
    of_share(packet, 2, "money = 0.99")


def take_it_all_by_hand(packet) -> None:
    of_share(packet, 1, "user_id = 'u1', update_time = '2026-01-01 00:00:00'")
    of_packet(packet, "expend_time = 1")


def of_share_unchecked(packet, position: int, change: str) -> None:
    """As where a constraint was lost, or its column is written by a hand that is above it."""
    if connection.display_name == "OceanBase":
        pytest.skip("no hand is above a constraint there")
    on, off = {
        "mysql": ("SET check_constraint_checks = 1", "SET check_constraint_checks = 0"),
        "sqlite": ("PRAGMA ignore_check_constraints = OFF", "PRAGMA ignore_check_constraints = ON"),
    }[connection.vendor]
    by_hand(off)
    try:
        of_share(packet, position, change)
    finally:
        by_hand(on)


def insert_share(packet, position=9, user_id=None, money="1.00") -> None:
    by_hand(
        "INSERT INTO red_packet_log (rp_id, position, user_id, money, is_good, is_into_account,"
        " is_returned, add_time, update_time) VALUES (%s, %s, %s, %s, 0, 0, 0, %s, %s)",
        *(packet.pk, position, user_id, money, "2026-01-01", user_id and "2026-01-01"),
    )


DELETE_SHARE = "DELETE FROM red_packet_log WHERE rp_id = %s AND position = %s"
SEND_MORE = "UPDATE wallets_ledgerline SET amount = amount + 1 WHERE kind = 1 AND reference = %s"
DELETE_LINE = "DELETE FROM wallets_ledgerline WHERE kind = 2 AND source = %s"

# (rule, which packet, the break)
BREAKS = [
    ("shares_are_all_there", "equal", lambda p: by_hand(DELETE_SHARE, p.pk, untaken(p))),
    ("shares_are_all_there", "equal", lambda p: of_share(p, untaken(p), "position = 3")),
    ("shares_add_up", "equal", lambda p: of_share(p, untaken(p), "money = 1.01")),
    ("shares_add_up", "lucky", lambda p: of_packet(p, "total_money = 10.01")),
    ("equal_shares_are_equal", "equal", move_a_fen),
    ("shares_keep_the_limits", "equal", lambda p: of_share(p, untaken(p), "money = 200.01")),
    ("only_lucky_packets_are_drawn", "equal", lambda p: of_share(p, 1, "is_good = 1")),
    ("only_lucky_packets_are_drawn", "equal", lambda p: of_packet(p, "seed = '00'")),
    ("best_luck_is_the_largest", "lucky", lambda p: of_share(p, 1, "is_good = 1 - is_good")),
    ("the_commitment_holds", "lucky", lambda p: of_packet(p, "seed = %s", "00" * 32)),
    ("the_commitment_holds", "lucky", lambda p: of_packet(p, "commitment = ''")),
    ("the_draw_can_be_repeated", "lucky", swap_largest_and_smallest),
    ("the_draw_can_be_repeated", "lucky", lambda p: of_packet(p, "seed = 'no hex'")),
    (
        "nothing_moves_before_issue",
        "draft",
        lambda p: of_share(p, 1, "user_id = 'u1', update_time = '2026-01-01 00:00:00'"),
    ),
    ("nothing_moves_before_issue", "draft", lambda p: of_share(p, 1, "is_returned = 1")),
    ("finished_means_all_taken", "equal", lambda p: of_packet(p, "expend_time = 1")),
    ("expend_time_is_the_last_share", "finished", lambda p: of_packet(p, "expend_time = 99")),
    ("expend_time_is_the_last_share", "draft", take_it_all_by_hand),
    ("returned_is_the_closed_shares", "expired", lambda p: of_packet(p, "return_money = 1.99")),
    ("returned_is_the_closed_shares", "equal", lambda p: of_share(p, untaken(p), "is_returned=1")),
    ("returned_means_dealt_with", "expired", lambda p: of_packet(p, "is_cli_handle = 0")),
    ("only_paid_packets_credit", "equal", lambda p: of_packet(p, "pay_status = 2")),
    ("movements_are_in_the_ledger", "equal", lambda p: by_hand(DELETE_LINE, escrow(p))),
    ("movements_are_in_the_ledger", "equal", lambda p: by_hand(SEND_MORE, p.public_id)),
    (
        "movements_are_in_the_ledger",
        "lucky",
        lambda p: line_by_hand(77, "x", "platform", escrow(p)),
    ),
    (
        "movements_are_in_the_ledger",
        "equal",
        lambda p: of_share(p, taken(p), "is_into_account = 0"),
    ),
    *(
        ("named_shares_are_an_exclusive_packets", which, lambda p, to=to: name_untaken(p, to))
        for which, to in (("equal", "'u2'"), ("exclusive", "NULL"), ("exclusive", "'alice'"))
    ),
    (
        "a_named_share_is_its_persons",
        "exclusive",
        lambda p: of_share_unchecked(p, taken(p), "user_id = 'u3'"),
    ),
    ("escrow_is_what_waits", "equal", lambda p: by_hand(SEND_MORE, p.public_id)),
    ("escrow_is_what_waits", "expired", lambda p: of_share(p, 1, "is_returned = 0")),
]


def name_untaken(packet, user: str) -> None:
    of_share(packet, untaken(packet), f"for_user = {user}")


def escrow(packet) -> str:
    return f"escrow:{packet.public_id}"


@pytest.mark.broken_books
@pytest.mark.parametrize("number", range(len(BREAKS)), ids=[rule for rule, _, _ in BREAKS])
def test_broken_rule_is_named_with_its_packet(story, number):
    rule, which, break_it = BREAKS[number]
    packet = getattr(story, which)

    break_it(packet)

    for since in (None, LATELY):  # of everything, and of days in which all this happened
        rows = {finding.row for finding in findings(since=since) if finding.rule == rule}
        assert rows == {f"packet {packet.public_id}"}


@pytest.mark.broken_books
def test_line_of_no_packet_is_named(story):
    line_by_hand(1, "rp_none", "wallet:u1", "escrow:rp_none")

    line = LedgerLine.objects.latest("pk")
    assert ("lines_have_their_packets", f"ledger line {line.pk}") in {
        (finding.rule, finding.row) for finding in findings()
    }


@pytest.mark.broken_books
def test_line_into_the_escrow_of_nobody_is_named(story):
    """Its reference is a packet that exists; the money went where no packet is."""
    line_by_hand(1, story.draft.public_id, "wallet:u1", "escrow:rp_none")

    line = LedgerLine.objects.latest("pk")
    assert ("lines_have_their_packets", f"ledger line {line.pk}") in {
        (finding.rule, finding.row) for finding in findings()
    }


@pytest.mark.broken_books
@pytest.mark.parametrize("change", ["status = 4, chase_at = NULL", "chase_at = NULL"])
def test_awaiting_packet_that_nobody_asks_about_is_named(story, change):
    packet, order = make_reported_packet(Kind.EQUAL, 2, "1.00")
    assert findings() == []

    by_hand(f"UPDATE payments_paymentorder SET {change} WHERE id = %s", order.pk)

    assert [(finding.rule, finding.row) for finding in findings()] == [
        ("awaited_money_is_asked_for", f"packet {packet.public_id}")
    ]


BROKEN_BY_A_LINE = {"lines_have_their_packets"}
BROKEN_BY_AN_ORDER = {"awaited_money_is_asked_for"}
# An untaken share that is credited cannot be stored: share_taken_or_not, below.
CANNOT_BE_STORED = {"only_takers_are_credited"}
BROKEN_IN_TEST_SETTLE = {
    "a_confirmation_queues_two_passes",
    "open_passes_are_queued_unless_frozen",
    "passes_credit_what_is_credited",
    "taken_shares_are_credited",
    "only_awaiting_packets_are_voided",
    "a_void_packet_returns_nothing",
    "a_void_packet_is_closed",
}
BROKEN_IN_TEST_YEARS = {"kept_years_are_their_rows"}


def test_every_rule_is_broken_here():
    broken = {rule for rule, _, _ in BREAKS} | BROKEN_BY_A_LINE | CANNOT_BE_STORED
    broken |= BROKEN_BY_AN_ORDER | BROKEN_IN_TEST_YEARS
    assert rules.names_in(audit) == broken | BROKEN_IN_TEST_SETTLE
    elsewhere = Path(__file__).with_name("test_settle.py").read_text()
    assert all(rule in elsewhere for rule in BROKEN_IN_TEST_SETTLE)


REFUSED = {
    "packet_number_positive": lambda s: of_packet(s.equal, "number = 0"),
    "packet_total_positive": lambda s: of_packet(s.draft, "total_money = 0"),
    "packet_return_within_total": lambda s: of_packet(s.expired, "return_money = 2.01"),
    "packet_issued_has_times": lambda s: of_packet(s.equal, "expire_time = NULL"),
    "share_packet_position": lambda s: insert_share(s.equal, position=1),
    "share_packet_taker": lambda s: insert_share(s.equal, user_id="u1"),
    "share_packet_for": lambda s: of_share(s.exclusive, 2, "for_user = 'u1'"),
    "share_for_its_taker": lambda s: of_share(s.exclusive, 1, "user_id = 'u3'"),
    "share_money_positive": lambda s: insert_share(s.equal, money="0.00"),
    "share_taken_or_not": lambda s: of_share(s.draft, 1, "is_into_account = 1"),
    "group_member": lambda s: by_hand(
        "INSERT INTO packets_groupmember (group_id, user_id) VALUES ('g1', 'u1')"
    ),
}
REFUSED_BY_KEYS = {
    "a share without a packet": lambda s: insert_share(SimpleNamespace(pk=10**9)),
    "a packet without its shares": lambda s: by_hand(
        "DELETE FROM red_packet WHERE id = %s", s.equal.pk
    ),
    "two packets of one name": lambda s: of_packet(s.equal, "public_id = %s", s.lucky.public_id),
}


@pytest.mark.parametrize("name", REFUSED | REFUSED_BY_KEYS)
def test_database_refuses_the_break(story, name):
    with pytest.raises(IntegrityError):
        (REFUSED | REFUSED_BY_KEYS)[name](story)


@pytest.mark.parametrize(
    "change",
    [
        "is_returned = 1",  # taken and returned
        "update_time = NULL",  # taken, never
        "user_id = NULL",  # credited to nobody
    ],
)
def test_a_taken_share_cannot_be_half_taken(story, change):
    with pytest.raises(IntegrityError):
        of_share(story.finished, 1, change)


def test_every_constraint_is_tried_here():
    named = {c.name for model in (RedPacket, Share, GroupMember) for c in model._meta.constraints}
    assert named == set(REFUSED)


def most_rows_at_once(monkeypatch) -> int:
    """What the largest answer to any question of the audit brings, with chunks of 6 rows."""
    monkeypatch.setattr(wallets_audit, "CHUNK", 6)
    monkeypatch.setattr(reach, "AT_ONCE", 6)
    for _ in range(6):
        packet = make_paid_packet(Kind.EQUAL, 4, "1.00")
        for user in ("u1", "u2", "u3", "u4"):
            grab.grab(public_id=packet.public_id, caller=Caller(user), now=timezone.now())
    fetch_all, sizes = QuerySet._fetch_all, []

    def counted(queryset):
        fetch_all(queryset)
        sizes.append(len(queryset._result_cache))

    monkeypatch.setattr(QuerySet, "_fetch_all", counted)
    assert findings() == []
    assert len(sizes) > 20
    return max(sizes)


def test_no_rule_reads_more_than_a_chunk_at_once(monkeypatch):
    assert most_rows_at_once(monkeypatch) <= 6


def test_no_rule_reads_more_than_a_chunk_at_once_without_the_weight(monkeypatch):
    monkeypatch.setattr(audit, "by_weight", lambda chunks, weight: iter(chunks))

    assert most_rows_at_once(monkeypatch) == 24, "all shares of a chunk of packets"
