"""Lines come to a day's books after their commit; days closed as ranges are taken over."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from tests.upgrades import baseline
from wallets import audit, book, daily
from wallets.models import DailySummary, LedgerLine
from wallets.tests.test_daily import MIDNIGHT, TEN_PAST, booked_days, figures_by_day, put_in

EVENING = MIDNIGHT - timedelta(hours=1)


def days() -> list[int]:
    """The day of the month in whose books each line is."""
    return [day and day.day for day in booked_days()]


def test_books_of_any_backlog_are_brought_up_a_chunk_at_a_time(monkeypatch):
    monkeypatch.setattr(book, "AT_ONCE", 2)
    for _ in range(5):
        put_in("1.00", EVENING)

    assert [book.book_some(now=MIDNIGHT) for _ in range(4)] == [2, 2, 1, 0]


def test_a_line_stays_in_its_books():
    put_in("1.00", EVENING)
    book.book(now=MIDNIGHT)
    book.shut(date(2026, 3, 1))

    assert book.book(now=TEN_PAST) == 0
    assert days() == [1]


def test_a_shut_day_stays_shut():
    for day in (3, 1):
        book.shut(date(2026, 3, day))

    put_in("1.00", EVENING)
    book.book(now=MIDNIGHT)

    assert days() == [4]


def test_what_waits_is_found_by_an_index():
    plan = book.waiting().order_by("pk").values_list("pk", "created_at")[:1000].explain()

    assert "ledger_booked" in plan


def test_days_closed_as_ranges_are_taken_over(monkeypatch):
    monkeypatch.setattr(book, "AT_ONCE", 2)
    for ago in (3, 2, 1):
        for _ in range(3):
            put_in("1.00", MIDNIGHT - timedelta(days=ago) + timedelta(hours=1))
    baseline.close_days(TEN_PAST)
    put_in("2.00", MIDNIGHT)
    steps = 0

    while book.book_some(now=TEN_PAST):
        steps += 1
        assert audit.audit() == []

    assert steps == 3 * 3 + 1
    assert days() == [27] * 3 + [28] * 3 + [1] * 3 + [2]
    assert not book.by_range().exists()
    assert daily.close_days(now=TEN_PAST + timedelta(days=1)) == 1
    assert figures_by_day() == [Decimal("3.00")] * 3 + [Decimal("2.00")]


def closed_as_a_range_beside_books() -> None:
    """New workers book two lines; an old one closes the day as a range of the first alone."""
    put_in("1.00", EVENING)
    put_in("2.00", MIDNIGHT)
    put_in("4.00", EVENING)
    book.book(now=TEN_PAST)
    assert days() == [1, 2, 1]
    baseline.close_days(TEN_PAST)


def test_an_old_worker_closes_beside_new_ones():
    closed_as_a_range_beside_books()
    assert audit.audit() == []

    daily.close_days(now=TEN_PAST + timedelta(days=1))

    assert days() == [1, 2, 2]
    assert figures_by_day() == [Decimal("1.00"), Decimal("6.00")]
    assert [summary.is_booked for summary in DailySummary.objects.all()] == [True, True]


@pytest.mark.broken_books
def test_an_old_worker_closes_beside_new_ones_without_the_takeover():
    closed_as_a_range_beside_books()

    DailySummary.objects.update(is_booked=True)

    assert {finding.rule for finding in audit.audit()} == {"daily_summaries_are_the_ledger"}


def test_an_old_worker_goes_on_behind_what_a_new_one_closed():
    put_in("1.00", EVENING)
    daily.close_days(now=TEN_PAST)
    put_in("2.00", MIDNIGHT)
    book.book(now=TEN_PAST)

    baseline.close_days(TEN_PAST + timedelta(days=1))
    book.book(now=TEN_PAST + timedelta(days=1))

    assert figures_by_day() == [Decimal("1.00"), Decimal("2.00")]
    assert LedgerLine.objects.filter(booked_on=None).count() == 0
