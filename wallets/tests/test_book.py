"""Lines come to a day's books after their commit."""

from datetime import date, timedelta

from wallets import book
from wallets.tests.test_daily import MIDNIGHT, TEN_PAST, booked_days, put_in

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
