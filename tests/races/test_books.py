"""The day's books beside those who write, book and close at the same time."""

import threading
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.db import OperationalError, connection, connections, transaction
from django.db.models import Max, Q
from django.utils import timezone

from kit import pause
from testing.forks import in_threads
from tests.races.waiting import wait_for_a_lock_wait
from wallets import accounts, audit, book, credit, daily, ledger
from wallets.models import DailyFigure, DailySummary, LedgerLine
from wallets.states import LineKind

MIDNIGHT = datetime(2026, 3, 2, tzinfo=timezone.get_default_timezone())
EVENING = MIDNIGHT - timedelta(hours=1)
DAY = EVENING.date()
TEN_PAST = MIDNIGHT + timedelta(minutes=10)


def put_in(amount: str, at: datetime = EVENING) -> None:
    credit.credit(user_id="bob", amount=Decimal(amount), reason="test", now=at)


def figures() -> list[tuple[str, str]]:
    """Day and yuan of each closed day that has any."""
    rows = DailyFigure.objects.order_by("summary__day").select_related("summary")
    return [(f"{row.summary.day:%m-%d}", f"{row.amount}") for row in rows]


def broken() -> set[tuple[str, str]]:
    return {(finding.rule, finding.row) for finding in audit.audit()}


def thread_of(work) -> threading.Thread:
    """work() beside us, with a connection of its own."""

    def run():
        try:
            work()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


# --- a booker beside a closer


def book_while_the_day_is_closed(*, closer_waits: bool) -> None:
    """The closer shuts the day after a booker has read its lines and before he books them."""
    book.OpenDay.objects.create(pk=1)
    put_in("1.00")
    closers = []

    def closed_meanwhile():
        closers.append(thread_of(lambda: daily._close(day=DAY, now=TEN_PAST)))
        wait_for_a_lock_wait() if closer_waits else closers[0].join()

    with pause.at("book: has read what waits", closed_meanwhile):
        book.book(now=TEN_PAST)
    closers[0].join()


def test_booker_beside_a_closer(mariadb_alone):
    book_while_the_day_is_closed(closer_waits=True)

    assert figures() == [("03-01", "1.00")]


@pytest.mark.broken_books
def test_booker_beside_a_closer_without_the_guard(on_mariadb, monkeypatch):
    monkeypatch.setattr(book, "lock", lambda: None)

    book_while_the_day_is_closed(closer_waits=False)

    assert figures() == []
    assert broken() == {("daily_summaries_are_the_ledger", "daily summary 2026-03-01")}


# --- two bookers, two closers


def test_bookers_at_once(on_mariadb, monkeypatch):
    monkeypatch.setattr(book, "AT_ONCE", 3)
    for _ in range(20):
        put_in("1.00")

    done = in_threads([lambda: book.book(now=TEN_PAST)] * 4)

    assert sum(done) == 20, done
    assert not book.waiting().exists()


def close_twice(monkeypatch) -> None:
    """Another closes the day between our sums and our summary."""
    put_in("1.00")
    book.book(now=TEN_PAST)
    figures_of, others = daily.figures_of, []

    def late(lines):
        found = figures_of(lines)
        if not others:
            others.append(True)
            in_threads([lambda: daily._close(day=DAY, now=TEN_PAST)])
        return found

    monkeypatch.setattr(daily, "figures_of", late)
    daily.close_days(now=TEN_PAST)


def test_closed_twice(monkeypatch):
    close_twice(monkeypatch)

    assert DailySummary.objects.count() == 1
    assert figures() == [("03-01", "1.00")]


@pytest.mark.broken_books
def test_closed_twice_without_the_guard(monkeypatch):
    unique = DailySummary._meta.get_field("day")
    loose = unique.clone()
    loose._unique = False
    loose.set_attributes_from_name("day")
    loose.model = DailySummary
    with connection.schema_editor() as editor:
        editor.alter_field(DailySummary, unique, loose)
    try:
        close_twice(monkeypatch)

        assert figures() == [("03-01", "1.00")] * 2
        assert ("daily_summaries_are_the_ledger", "daily summary 2026-03-01") in broken()
    finally:
        DailyFigure.objects.all().delete()
        DailySummary.objects.all().delete()
        with connection.schema_editor() as editor:
            editor.alter_field(DailySummary, loose, unique)


# --- a transaction that is open while its day is closed


def straggle(meanwhile) -> None:
    """A line is written before midnight; it commits when meanwhile() is over."""
    written, go = threading.Event(), threading.Event()

    def write():
        with transaction.atomic():
            ledger.post(
                kind=LineKind.ADJUSTMENT,
                reference="adj_late",
                source=accounts.PLATFORM,
                target=accounts.wallet("late"),
                amount=Decimal("4.00"),
                now=EVENING,
            )
            written.set()
            go.wait(30)

    writer = thread_of(write)
    assert written.wait(30)
    try:
        meanwhile()
    finally:
        go.set()
        writer.join()


def close_around_a_straggler() -> None:
    put_in("1.00")
    straggle(lambda: daily.close_days(now=TEN_PAST))
    put_in("2.00", MIDNIGHT)


def test_straggler_commits_after_the_close(on_mariadb):
    close_around_a_straggler()
    assert figures() == [("03-01", "1.00")]

    daily.close_days(now=TEN_PAST + timedelta(days=1))

    assert figures() == [("03-01", "1.00"), ("03-02", "6.00")]


@pytest.mark.broken_books
def test_straggler_commits_after_the_close_without_the_guard(on_mariadb, monkeypatch):
    monkeypatch.setattr(book, "first_open", lambda: DAY)
    close_around_a_straggler()

    daily.close_days(now=TEN_PAST + timedelta(days=1))

    assert figures() == [("03-01", "1.00"), ("03-02", "2.00")], "its 4.00 came to a closed day"
    assert broken() == {("daily_summaries_are_the_ledger", "daily summary 2026-03-01")}


@pytest.fixture
def no_lock_wait(on_mariadb):
    """Whoever would wait fails at once."""
    with connection.cursor() as cursor:
        cursor.execute(connection.lock_wait(0))
    yield
    connection.close()


def test_bookers_do_not_wait_for_a_commit(no_lock_wait):
    put_in("1.00")

    straggle(lambda: book.book(now=TEN_PAST))

    assert LedgerLine.objects.exclude(booked_on=None).count() == 1


def test_bookers_do_not_wait_for_a_commit_without_the_guard(
    no_lock_wait, mariadb_alone, monkeypatch
):
    monkeypatch.setattr(
        book, "put", lambda _, day, model: book.waiting(model).update(booked_on=day)
    )
    put_in("1.00")

    with pytest.raises(OperationalError):
        straggle(lambda: book.book(now=TEN_PAST))


# --- keys that two servers give in blocks: a later line may have the smaller one


def close_two_days_with_keys_in_blocks() -> None:
    for key, amount, at in ((90_000, "1.00", EVENING), (50, "2.00", MIDNIGHT)):
        put_in(amount, at)
        LedgerLine.objects.filter(booked_on=None).update(id=key)
        daily.close_days(now=at + timedelta(days=1, minutes=10))
    put_in("4.00", EVENING)  # a straggler with the smallest of all
    LedgerLine.objects.filter(booked_on=None).update(id=7)
    daily.close_days(now=MIDNIGHT + timedelta(days=2, minutes=10))


def test_days_are_closed_whatever_the_keys():
    close_two_days_with_keys_in_blocks()

    assert figures() == [("03-01", "1.00"), ("03-02", "2.00"), ("03-03", "4.00")]
    assert broken() == set()


@pytest.mark.broken_books
def test_days_are_closed_by_ranges_of_keys_without_the_guard(monkeypatch):
    """As they would be by ranges: a day's lines are those behind the last key of the day before."""

    def by_range(summary) -> Q:
        before, last = (
            LedgerLine.objects.filter(**days).aggregate(last=Max("pk"))["last"] or 0
            for days in ({"booked_on__lt": summary.day}, {"booked_on__lte": summary.day})
        )
        return Q(pk__gt=before, pk__lte=last)

    monkeypatch.setattr(daily, "lines_of", by_range)
    close_two_days_with_keys_in_blocks()

    assert {row for _, row in broken()} == {
        f"daily summary 2026-03-{number:02}" for number in (1, 2, 3)
    }
