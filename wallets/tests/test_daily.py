"""A closed day is the lines in its books, whose sums equal the ledger's to the cent."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.db.models import F
from django.utils import timezone

from kit.http.caller import Caller
from packets import pay
from packets.states import Kind
from testing.forks import in_threads
from testing.make import make_packet
from wallets import accounts, book, credit, daily, tasks
from wallets.audit import audit
from wallets.models import DailyFigure, DailySummary, LedgerLine
from wallets.states import LineKind

MIDNIGHT = datetime(2026, 3, 2, tzinfo=timezone.get_default_timezone())
TEN_PAST = MIDNIGHT + timedelta(minutes=10)


def put_in(amount: str, at: datetime) -> None:
    credit.credit(user_id="bob", amount=Decimal(amount), reason="test", now=at)


def booked_days() -> list:
    return list(LedgerLine.objects.order_by("pk").values_list("booked_on", flat=True))


def figures_by_day() -> list[Decimal]:
    """The adjustments of each closed day that has any."""
    return [f.amount for f in DailyFigure.objects.order_by("summary__day")]


def test_a_day_is_closed_ten_minutes_after_it_ended():
    put_in("1.00", MIDNIGHT - timedelta(hours=1))

    assert daily.close_days(now=TEN_PAST - timedelta(seconds=1)) == 0
    assert daily.close_days(now=TEN_PAST) == 1
    assert daily.close_days(now=TEN_PAST) == 0

    assert str(DailySummary.objects.get().day) == "2026-03-01"


def test_sums_are_the_ledgers_and_days_have_no_gaps():
    put_in("0.10", MIDNIGHT - timedelta(hours=30))
    for _ in range(3):
        put_in("0.10", MIDNIGHT - timedelta(hours=1))
    packet = make_packet(Kind.EQUAL, 2, "0.10", sender="bob", now=MIDNIGHT)
    pay.by_balance(
        public_id=packet.public_id, caller=Caller("bob"), now=MIDNIGHT - timedelta(minutes=1)
    )
    put_in("7.00", MIDNIGHT)

    assert daily.close_days(now=TEN_PAST) == 2

    _first, second = DailySummary.objects.order_by("day")
    assert [str(day) for day in booked_days()] == ["2026-02-28"] + ["2026-03-01"] * 4 + [
        "2026-03-02"
    ]
    figures = {f.kind: (f.lines, f.amount) for f in second.figures.all()}
    assert figures == {
        LineKind.ADJUSTMENT: (3, Decimal("0.30")),
        LineKind.SEND: (1, Decimal("0.20")),
    }
    assert daily.held(second) == {
        accounts.PLATFORM: Decimal("-0.40"),
        "wallets": Decimal("0.20"),
        "escrow": Decimal("0.20"),
    }


def test_a_straggler_belongs_to_the_next_day():
    put_in("1.00", MIDNIGHT - timedelta(seconds=1))
    put_in("2.00", MIDNIGHT)
    daily.close_days(now=TEN_PAST)
    put_in("4.00", MIDNIGHT - timedelta(seconds=1))

    daily.close_days(now=TEN_PAST + timedelta(days=1))

    assert figures_by_day() == [Decimal("1.00"), Decimal("6.00")]


def a_line_dated_ahead() -> None:
    """By a year, written at noon between two that are dated right."""
    noon = MIDNIGHT - timedelta(hours=12)
    put_in("1.00", noon)
    put_in("2.00", noon + timedelta(days=365))
    book.book(now=noon)
    put_in("4.00", noon)
    put_in("8.00", MIDNIGHT)


def test_a_line_dated_ahead_is_in_the_books_of_the_day_it_came():
    a_line_dated_ahead()

    assert daily.close_days(now=TEN_PAST + timedelta(days=1)) == 2

    assert figures_by_day() == [Decimal("7.00"), Decimal("8.00")]


def test_a_line_dated_ahead_without_the_guard(monkeypatch):
    monkeypatch.setattr(book, "own_day", lambda created_at, now: timezone.localdate(created_at))
    a_line_dated_ahead()

    daily.close_days(now=TEN_PAST + timedelta(days=1))

    assert figures_by_day() == [Decimal("5.00"), Decimal("8.00")], "its 2.00 are in no closed day"


def test_the_first_line_dated_ahead_keeps_no_day_open():
    put_in("1.00", MIDNIGHT + timedelta(days=365))
    book.book(now=MIDNIGHT - timedelta(hours=12))

    assert daily.close_days(now=TEN_PAST) == 1
    assert figures_by_day() == [Decimal("1.00")]


def test_keys_in_blocks_say_nothing_about_days():
    """Two nodes hand out keys in blocks: the later line has the lower key."""
    for day, keys in enumerate([(5001, 4), (3, 5002), (2, 5000)]):
        for key in keys:
            put_in("1.00", MIDNIGHT + timedelta(days=day, hours=-1))
            line = LedgerLine.objects.filter(pk__gt=0).latest("created_at")
            LedgerLine.objects.filter(pk=line.pk).update(id=-key)
        LedgerLine.objects.filter(pk__lt=0).update(id=-F("id"))
        daily.close_days(now=TEN_PAST + timedelta(days=day))

    assert figures_by_day() == [Decimal("2.00")] * 3
    late = LedgerLine.objects.order_by("pk").values_list("pk", "booked_on__day")
    assert dict(late) == {2: 3, 3: 2, 4: 1, 5000: 3, 5001: 1, 5002: 2}


@pytest.mark.parametrize("at_once", [1, 2, 3, 4])
def test_a_day_of_any_size_is_summed_in_pieces(at_once, monkeypatch, django_assert_max_num_queries):
    for amount in ("0.10", "0.20", "0.30"):
        put_in(amount, MIDNIGHT - timedelta(hours=1))
    book.book(now=MIDNIGHT)
    monkeypatch.setattr(daily, "SUMMED_AT_ONCE", at_once)

    with django_assert_max_num_queries(8):
        found = daily.figures_of(LedgerLine.objects.filter(booked_on__isnull=False))

    assert found == {(LineKind.ADJUSTMENT, accounts.PLATFORM, "wallets"): (3, Decimal("0.60"))}


def test_books_are_kept_by_one_worker_at_a_time(monkeypatch):
    put_in("1.00", timezone.now())
    at_it = []

    def meanwhile(*, now):
        at_it.append(tasks.keep_books())
        return 7

    monkeypatch.setattr(tasks.daily, "close_days", meanwhile)

    assert tasks.keep_books() == 7
    assert at_it == [0], "the second one left it to the first"


def test_missed_and_empty_days_are_made_up_for():
    put_in("1.00", MIDNIGHT - timedelta(days=3))

    assert daily.close_days(now=TEN_PAST) == 3

    assert DailySummary.objects.count() == 3
    assert DailyFigure.objects.count() == 1


def test_days_wait_until_their_books_are_brought_up(monkeypatch):
    monkeypatch.setattr(book.sweeps, "BUDGET_S", -1)
    monkeypatch.setattr(book, "AT_ONCE", 2)
    for _ in range(5):
        put_in("1.00", MIDNIGHT - timedelta(hours=1))

    assert [daily.close_days(now=TEN_PAST) for _ in range(4)] == [0, 0, 1, 0]

    assert figures_by_day() == [Decimal("5.00")]


def test_killed_between_shutting_and_summing():
    put_in("1.00", MIDNIGHT - timedelta(hours=1))
    book.book(now=MIDNIGHT)
    book.shut(book.timezone.localdate(MIDNIGHT - timedelta(hours=1)))
    put_in("2.00", MIDNIGHT - timedelta(hours=1))

    assert daily.close_days(now=TEN_PAST + timedelta(days=1)) == 2

    assert figures_by_day() == [Decimal("1.00"), Decimal("2.00")]


def test_nothing_to_close_without_lines():
    assert daily.close_days(now=TEN_PAST) == 0


def test_closed_by_two_at_once():
    put_in("1.00", MIDNIGHT - timedelta(days=1))

    in_threads([lambda: daily.close_days(now=TEN_PAST)] * 4)

    assert DailySummary.objects.count() == 1
    assert DailyFigure.objects.count() == 1


@pytest.mark.broken_books
def test_a_changed_figure_is_found():
    put_in("1.00", MIDNIGHT - timedelta(days=1))
    daily.close_days(now=TEN_PAST)
    DailyFigure.objects.update(amount=Decimal("1.01"))

    [finding] = audit()

    assert finding.rule == "daily_summaries_are_the_ledger"
