"""The audit of a day: what it reads, what it finds in new days and in old ones, and what it leaves
behind for the next."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from kit.http.caller import Caller
from packets import grab
from packets.models import RedPacket, Share
from packets.states import Kind
from testing.forks import die_before_statement, killed
from testing.make import make_group, make_paid_packet, make_wallet
from wallets import audit, daily, opening, reach
from wallets.credit import credit
from wallets.models import AuditRun, LedgerLine, OpeningBalance, Wallet

TODAY = timezone.localdate()


def noon(days_ago: int) -> datetime:
    day = TODAY - timedelta(days=days_ago)
    return datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo("Asia/Shanghai"))


def day(days_ago: int) -> date:
    return TODAY - timedelta(days=days_ago)


def credited(user: str, yuan: str, days_ago: int) -> None:
    credit(user_id=user, amount=Decimal(yuan), reason="test", now=noon(days_ago))


def close_until(days_ago: int) -> None:
    """Book, and close the days up to this one."""
    daily.close_days(now=daily.midnight_after(day(days_ago)) + timedelta(hours=1))


def by_hand(statement: str, *values) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def nightly(days_ago: int = 0) -> set[str]:
    """The audit of the days since the last clean one; the rules that are broken."""
    return {found.rule for found in audit.run(now=noon(days_ago), is_whole=False)}


@pytest.fixture
def history():
    """Three closed days; those until the day before yesterday were found clean."""
    for days_ago in (4, 3, 2):
        credited("u1", "1.00", days_ago)
        credited("old" if days_ago == 4 else "u2", "1.00", days_ago)
        close_until(days_ago)
    assert audit.run(now=noon(1)) == []
    assert opening.kept_until() == day(2)


def test_what_is_kept_is_what_was_held_then(history):
    credited("u1", "5.00", 1)

    rows = OpeningBalance.objects.order_by("pk").values_list("user_id", "day", "balance")

    assert list(rows) == [
        ("old", day(2), Decimal("1.00")),
        ("u1", day(2), Decimal("3.00")),
        ("u2", day(2), Decimal("2.00")),
    ]


def test_a_day_is_added_to_the_days_before(history):
    credited("u1", "5.00", 1)
    credited("new", "0.07", 1)
    close_until(1)
    credited("u1", "0.30", 0)  # today: in the balance, and in no closed day

    assert nightly() == set()

    run = AuditRun.objects.latest("pk")
    assert (run.since, run.until) == (day(2), day(1))
    kept = dict(OpeningBalance.objects.values_list("user_id", "balance"))
    assert kept == {
        "old": Decimal("1.00"),
        "u1": Decimal("8.00"),
        "u2": Decimal("2.00"),
        "new": Decimal("0.07"),
    }
    assert OpeningBalance.objects.get(user_id="old").day == day(2)  # it has not moved
    assert nightly() == set()
    assert audit.audit() == []


NEW = {
    "a balance of one who moved": (
        "UPDATE wallets_wallet SET balance = 9.99 WHERE user_id = 'u1'",
        "openings_lead_to_the_balances",
    ),
    "a balance of one who has not": (
        "UPDATE wallets_wallet SET balance = 0.99 WHERE user_id = 'old'",
        "openings_lead_to_the_balances",
    ),
    "a line of another amount": (
        "UPDATE wallets_ledgerline SET amount = 6 WHERE amount = 5",
        "openings_lead_to_the_balances",
    ),
    "a line that is gone": (
        "DELETE FROM wallets_ledgerline WHERE amount = 5",
        "openings_lead_to_the_balances",
    ),
    "a line of no kind": (
        "UPDATE wallets_ledgerline SET kind = 2 WHERE amount = 5",
        "lines_are_well_formed",
    ),
    "an opening balance": (
        "UPDATE wallets_openingbalance SET balance = 0.50 WHERE user_id = 'u2'",
        "openings_lead_to_the_balances",
    ),
    "an opening balance that is gone": (
        "DELETE FROM wallets_openingbalance WHERE user_id = 'old'",
        "openings_lead_to_the_balances",
    ),
    "balance and opening balance alike": (
        "UPDATE wallets_openingbalance SET balance = 8 WHERE user_id = 'old';"
        "UPDATE wallets_wallet SET balance = 8 WHERE user_id = 'old'",
        "openings_lead_to_the_balances",
    ),
}


@pytest.mark.broken_books
@pytest.mark.parametrize("what", NEW)
def test_the_days_audit_names_what_is_broken_in_new_days(history, what):
    statements, rule = NEW[what]
    credited("u1", "5.00", 1)
    close_until(1)
    for statement in statements.split(";"):
        by_hand(statement)

    assert rule in nightly()

    assert opening.kept_until() == day(2), "what was found broken is nobody's beginning"
    assert rule in nightly(), "and is named again the next night"


def booked_on_days_to_come() -> None:
    """For a moment a clock was two days ahead: they were closed, and lines are booked behind."""
    close_until(-2)
    credited("u1", "5.00", 0)
    credited("new", "0.07", 0)
    daily.close_days(now=noon(0))
    lines = LedgerLine.objects.filter(created_at=noon(0))
    assert list(lines.values_list("booked_on", flat=True)) == [day(-3)] * 2


def test_a_clock_that_was_ahead_breaks_no_rule(history):
    booked_on_days_to_come()

    assert nightly() == set()

    assert audit.audit() == []


@pytest.mark.broken_books
def test_what_is_wrong_on_a_day_to_come_is_named(history):
    booked_on_days_to_come()
    by_hand("UPDATE wallets_ledgerline SET kind = 2 WHERE amount = 5")

    assert "lines_are_well_formed" in nightly()


@pytest.mark.broken_books
def test_an_old_line_is_the_whole_audits(history):
    """A day's audit does not read it again; the seals' turn or Sunday's does."""
    by_hand(
        "UPDATE wallets_ledgerline SET amount = 1.01 WHERE target = 'wallet:old'",
    )

    assert "wallet_balance_is_its_lines" in {found.rule for found in audit.audit()}
    with reach.from_day(opening.kept_until()):
        assert not any(line.amount == Decimal("1.01") for lines in reach.lines() for line in lines)


@pytest.mark.broken_books
def test_a_packet_of_before_that_moves_again_is_read_again():
    """It was finished and clean; a line of today names it."""
    make_group("alice", "u1", "u2")
    packet = make_paid_packet(Kind.EQUAL, 2, "1.00")
    for user in ("u1", "u2"):
        grab.grab(public_id=packet.public_id, caller=Caller(user), now=timezone.now())
    RedPacket.objects.update(is_cli_handle=True)
    with reach.from_day(TODAY):  # all of it is booked on no day yet
        assert _audited() == set()
    share = Share.objects.get(user_id="u1")
    Share.objects.filter(pk=share.pk).update(money="1.01")

    with reach.from_day(TODAY):
        assert "shares_add_up" in _audited()
    LedgerLine.objects.update(booked_on=TODAY)
    with reach.from_day(TODAY):
        assert _audited() == set()


def _audited() -> set[str]:
    return {found.rule for found in audit.audit(since=reach.since())}


def test_a_night_reads_its_days_and_not_history(history):
    """Ten times the history, the same questions and rows."""

    def rows_read() -> int:
        with reach.from_day(opening.kept_until()):
            return sum(len(lines) for lines in reach.lines())

    credited("u1", "5.00", 1)
    close_until(1)
    before = rows_read()
    assert before == 1

    with CaptureQueriesContext(
        connection,
    ) as few:
        audit.audit(since=opening.kept_until())
    lines = [
        LedgerLine(
            kind=5,
            reference=f"adj_{number}",
            source="platform",
            target="wallet:u1",
            amount=1,
            created_at=noon(4),
            booked_on=day(4),
        )
        for number in range(50)
    ]
    LedgerLine.objects.bulk_create(lines)
    with CaptureQueriesContext(connection) as many:
        audit.audit(since=opening.kept_until())

    assert rows_read() == before
    assert len(many) == len(few)
    LedgerLine.objects.filter(reference__startswith="adj_", booked_on=day(4), amount=1).exclude(
        note="test"
    ).delete()


def test_a_keeper_killed_between_any_two_statements_leaves_no_wrong_figure(history):
    """Each row is whole; the next keeper goes on."""
    credited("u1", "5.00", 1)
    credited("u2", "7.00", 1)
    close_until(1)

    for number in range(1, 40):

        def work(number=number):
            die_before_statement(number)
            opening.keep(until=day(1))

        died = killed(work)
        assert audit.audit() == [] == audit.audit(since=opening.kept_until())
        if not died:
            break
    assert not died
    assert nightly() == set()
    assert OpeningBalance.objects.get(user_id="u1").balance == Decimal("8.00")


def test_the_command_reads_the_days_and_says_so(history, capsys):
    credited("u3", "1.00", 1)
    close_until(1)

    call_command("audit", "--since-clean")

    assert AuditRun.objects.latest("pk").since == day(2)
    assert "audit clean" in capsys.readouterr().out
    assert Wallet.objects.get(user_id="u3").balance == OpeningBalance.objects.get(pk="u3").balance


def test_emptied_opening_balances_are_made_anew(history):
    """What the runbook does when they are what is wrong."""
    OpeningBalance.objects.all().delete()

    assert nightly() == set()

    assert AuditRun.objects.latest("pk").since is None
    assert OpeningBalance.objects.get(user_id="u1").balance == Decimal("3.00")
    assert opening.kept_until() == day(2)


def test_without_a_clean_audit_all_is_read():
    make_wallet("u1", "1.00")

    assert nightly() == set()

    run = AuditRun.objects.get()
    assert (run.since, run.until) == (None, None)
