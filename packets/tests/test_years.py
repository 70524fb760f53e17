"""A year is what is kept of it and what came after; only what can change no more is kept."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from kit import later, pause
from kit.http.caller import Caller
from packets import grab, refund, tasks, years
from packets.audit import kept_years_are_their_rows
from packets.models import RedPacket, Share, YearSoFar
from packets.states import Kind
from testing import make
from testing.forks import in_threads
from wallets.audit import audit

YEAR = timezone.localdate().year - 1
MARCH = datetime(YEAR, 3, 1, 4, tzinfo=UTC)
LATER = MARCH + timedelta(days=5)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """As if few rows were many."""
    monkeypatch.setattr(years, "KEPT_AT", 1)
    monkeypatch.setattr(years, "AT_ONCE", 3)


def take(packet, user_id: str, at: datetime) -> None:
    result = grab.grab(public_id=packet.public_id, caller=Caller(user_id), now=at)
    assert result.outcome == "grabbed"


def finished(kind: Kind = Kind.LUCKY, at: datetime = MARCH):
    packet = make.make_paid_packet(kind, 2, "4.00", now=at)
    for user in ("u1", "u2"):
        take(packet, user, at + timedelta(seconds=5))
    return packet


def expired(at: datetime = MARCH):
    packet = make.make_paid_packet(Kind.LUCKY, 2, "3.00", now=at)
    take(packet, "u1", at + timedelta(seconds=5))
    refund.refund_expired(rp_id=packet.pk, now=at + timedelta(days=2))
    return packet


def reported(at: datetime):
    packet, order = make.make_reported_packet(Kind.LUCKY, 2, "7.00", now=at)
    for user in ("u1", "u2"):
        take(packet, user, at + timedelta(seconds=5))
    return packet, order


def summed(user_id: str, year: int = YEAR) -> years.Figures:
    """From all rows, whatever is kept."""
    return years.Span(user_id, *years.bounds(year)).figures()


def kept(user_id: str = "u1", now: datetime = LATER) -> years.Figures:
    years.keep(user_id=user_id, year=YEAR, now=now)
    return years._kept(user_id, YEAR)[0]


def test_what_is_kept_and_what_came_after_are_the_year():
    for hour in range(4):
        finished(at=MARCH + timedelta(hours=hour))
    finished(Kind.EQUAL, MARCH + timedelta(hours=4))
    expired(MARCH + timedelta(hours=5))
    before = {user: summed(user) for user in ("alice", "u1", "u2")}
    assert sum(figures.best_luck for figures in before.values()) == 4

    for user in before:
        assert kept(user) == before[user]
    finished(at=LATER)

    for user, figures in before.items():
        whole = years.of_year(user_id=user, year=YEAR)
        assert whole == summed(user) != figures
    assert years.of_year(user_id="u1", year=YEAR - 1) == years.Figures()


def test_rows_of_a_moment_stay_together():
    """More of them than a piece holds."""
    for _ in range(5):
        finished()

    assert kept("u1").received_number == 5
    assert kept("alice").sent_number == 5


def test_a_void_packet_is_kept_as_nothing():
    _, order = reported(MARCH)
    make.end(order, MARCH + timedelta(days=1))
    for hour in range(1, 3):
        finished(at=MARCH + timedelta(hours=hour))

    assert kept("u1").received_number == 2
    assert kept("alice").sent_number == 2


CHANGES = {
    "still awaited, then void": (
        lambda: reported(MARCH + timedelta(hours=2))[1],
        lambda order: make.end(order, LATER),
    ),
    "still awaited, then paid": (
        lambda: reported(MARCH + timedelta(hours=2))[1],
        lambda order: make.confirm(order, LATER),
    ),
    "still open, then finished": (
        lambda: _open_packet(),
        lambda packet: take(packet, "u2", MARCH + timedelta(hours=9)),
    ),
}


def _open_packet():
    packet = make.make_paid_packet(Kind.LUCKY, 2, "4.00", now=MARCH + timedelta(hours=2))
    take(packet, "u1", MARCH + timedelta(hours=2, seconds=5))
    return packet


def year_when(change: str) -> None:
    made, happens = CHANGES[change]
    for hour in (0, 1, 3, 4):
        finished(at=MARCH + timedelta(hours=hour))
    row = made()
    for user in ("alice", "u1"):
        kept(user)

    happens(row)

    for user in ("alice", "u1"):
        assert years.of_year(user_id=user, year=YEAR) == summed(user)


@pytest.mark.parametrize("change", CHANGES)
def test_what_may_change_is_not_kept(change):
    year_when(change)

    assert YearSoFar.objects.get(user_id="u1").until == MARCH + timedelta(hours=2, seconds=5)


@pytest.mark.broken_books
def test_what_may_change_is_not_kept_without_the_guard(monkeypatch):
    monkeypatch.setattr(years.Span, "until_open", lambda span: span.end)

    with pytest.raises(AssertionError):
        year_when("still awaited, then void")


def year_with_a_straggler() -> None:
    """A grab began within the last hour, and commits after the year was kept."""
    for minute in range(3):
        finished(at=MARCH + timedelta(minutes=minute))
    kept(now=MARCH + timedelta(minutes=10))

    finished(at=MARCH + timedelta(minutes=2))

    assert years.of_year(user_id="u1", year=YEAR) == summed("u1")


def test_a_share_that_commits_late_is_not_missed():
    year_with_a_straggler()


@pytest.mark.broken_books
def test_a_share_that_commits_late_is_not_missed_without_the_guard(monkeypatch):
    monkeypatch.setattr(years, "SURE_AFTER", timedelta(0))

    with pytest.raises(AssertionError):
        year_with_a_straggler()


def keep_twice(monkeypatch) -> years.Figures:
    """A second one keeps the same rows while the first is counting them."""
    for hour in range(3):
        finished(at=MARCH + timedelta(hours=hour))

    def keep():
        years.keep(user_id="u1", year=YEAR, now=LATER)

    with pause.at("years: has chosen a piece", lambda: in_threads([keep])):
        keep()
    return years.of_year(user_id="u1", year=YEAR)


def test_two_who_keep_one_year(monkeypatch):
    assert keep_twice(monkeypatch) == summed("u1")


@pytest.mark.broken_books
def test_two_who_keep_one_year_without_the_guard(monkeypatch):
    monkeypatch.setattr(years, "move", lambda rows, **facts: YearSoFar.objects.update(**facts) == 1)

    assert keep_twice(monkeypatch).received_number == 2 * summed("u1").received_number
    assert [found.rule for found in audit()] == ["kept_years_are_their_rows"]


def test_who_asks_while_it_is_kept_hears_each_row_once(monkeypatch):
    for hour in range(3):
        finished(at=MARCH + timedelta(hours=hour))
    figures = years.Span.figures

    def meanwhile(span):
        monkeypatch.setattr(years.Span, "figures", figures)
        in_threads([lambda: years.keep(user_id="u1", year=YEAR, now=LATER)])
        return figures(span)

    monkeypatch.setattr(years.Span, "figures", meanwhile)

    assert years.of_year(user_id="u1", year=YEAR) == summed("u1")
    assert kept() == summed("u1")


# --- what it costs, and who sees to it


def test_a_year_that_is_kept_is_not_read_again():
    for hour in range(4):
        finished(at=MARCH + timedelta(hours=hour))
    kept()

    with CaptureQueriesContext(connection) as asked:
        years.of_year(user_id="u1", year=YEAR)

    _, until = years._kept("u1", YEAR)
    assert years.Span("u1", until, years.bounds(YEAR)[1]).figures().rows <= years.KEPT_AT
    assert len(asked) == 4
    assert all(f"{until:%Y-%m-%d %H:%M:%S}" in query["sql"] for query in asked[1:])


def test_who_asks_for_many_rows_has_them_kept(monkeypatch):
    queued = []
    monkeypatch.setattr(later, "run", lambda *task, **_: queued.append(task))
    years.of_year(user_id="u1", year=YEAR)
    for hour in range(2):
        finished(at=MARCH + timedelta(hours=hour))
    queued.clear()

    years.of_year(user_id="u1", year=YEAR)

    assert queued == [("packets.keep_year", "u1", YEAR)]
    tasks.keep_year(*queued[0][1:])
    assert years._kept("u1", YEAR)[0] == summed("u1")


def test_the_sweep_keeps_years_before_anybody_asks(monkeypatch):
    monkeypatch.setattr(tasks, "YEARS_OF_ONE_IN", 1)
    for hour in range(2):
        finished(at=MARCH + timedelta(hours=hour))
    make.set_clocks(monkeypatch, MARCH + timedelta(days=2))

    tasks.keep_years()

    users = YearSoFar.objects.order_by("user_id").values_list("user_id", flat=True)
    assert list(users) == ["alice", "u1", "u2"]
    for user in users:
        assert years._kept(user, YEAR)[0] == summed(user)


def test_few_rows_are_not_kept():
    finished()

    assert kept() == years.Figures()
    assert not YearSoFar.objects.exists()


def test_a_year_ends_at_midnight_of_the_service():
    end = years.bounds(YEAR)[1]
    for at in (end - timedelta(seconds=6), end - timedelta(seconds=10), end):
        finished(at=at)  # taken five seconds after: one before midnight, one at 23:59:55, one after

    assert kept(now=end + timedelta(days=3)).received_number == 2
    assert years.of_year(user_id="u1", year=YEAR + 1).received_number == 1


@pytest.mark.broken_books
@pytest.mark.parametrize("column", [field.name for field in years.fields(years.Figures)])
def test_a_kept_figure_that_is_wrong_shows(column):
    for hour in range(3):
        finished(at=MARCH + timedelta(hours=hour))
    kept()
    assert list(kept_years_are_their_rows()) == []

    YearSoFar.objects.update(**{column: 99})

    assert [found.row for found in kept_years_are_their_rows()] == [f"year {YEAR} of u1"]


@pytest.mark.broken_books
def test_a_share_that_changes_behind_what_is_kept_shows():
    for hour in range(3):
        finished(at=MARCH + timedelta(hours=hour))
    kept()

    RedPacket.objects.filter(pk=Share.objects.first().rp_id).update(voided_at=LATER)

    assert [found.row for found in kept_years_are_their_rows()] == [f"year {YEAR} of u1"]
