"""A night's audit reads days: no rule asks for more because there are more days before them."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bench import asked, history
from packets import audit as packets_audit
from packets.models import RedPacket
from wallets import audit, reach, seals
from wallets.models import Adjustment, AuditRun, DailySummary, LedgerLine, OpeningBalance

PACKETS_A_DAY = 48  # of every kind, and payments of every kind
# Some rows for each day that was closed; and what staff has left undecided in these books.
BY_DAYS = {"daily_summaries_are_the_ledger", "sealed_lines_are_unchanged"}
BY_DAYS |= {"sealed_actions_are_unchanged", "bills_have_their_cases"}
UNDECIDED = {"suspense_is_what_open_cases_hold", "refunds_stay_within_their_payment"}


def filled(days: int) -> None:
    """So many days like each other, found clean."""
    staff = User.objects.filter(username="bench").first() or asked.staff()
    for kept in (seals.Seal, OpeningBalance, AuditRun):
        kept.objects.all().delete()
    history.write(shares=days * PACKETS_A_DAY * history.EACH, staff=staff.pk, days=days)
    Adjustment.objects.all().delete()
    while seals.seal_days():
        pass
    with CaptureQueriesContext(connection) as captured:
        assert audit.run(now=timezone.now()) == []
    of_many = [
        q["sql"] for q in captured if "`kind` IN" in q["sql"] and "`reference` IN" in q["sql"]
    ]
    assert of_many == [], "MariaDB would walk through all rows of these kinds for each"


def rows_by_rule(monkeypatch) -> dict[str, int]:
    """What an audit brings that begins the day before yesterday, when yesterday is closed."""
    days = DailySummary.objects.order_by("-day").values_list("day", flat=True)
    fetch_all, brought, rows = QuerySet._fetch_all, [], {}

    def counted(queryset):
        fetch_all(queryset)
        brought.append(len(queryset._result_cache))

    with monkeypatch.context() as patched, reach.from_day(days[1]):
        patched.setattr(QuerySet, "_fetch_all", counted)
        for rule in audit.rules():
            brought.clear()
            assert list(rule()) == []
            rows[rule.__name__] = sum(brought)
    return rows


@pytest.mark.once
def test_no_rule_of_a_night_reads_history(mariadb_alone, monkeypatch):
    """Nor would it go unnoticed: whoever asks for all packets that are not dealt with is told of
    every draft that ever closed."""
    open_ones = RedPacket.objects.filter(is_cli_handle=False)
    asked_of = []
    for days in (4, 12):
        filled(days)
        now = rows_by_rule(monkeypatch)
        with monkeypatch.context() as patched:
            patched.setattr(packets_audit, "going_on", lambda since: audit.by_key(open_ones))
            asked_of.append((now, rows_by_rule(monkeypatch)))

    (few, few_careless), (many, many_careless) = asked_of
    assert LedgerLine.objects.count() > 10_000
    assert many["packets_are_sound"] > 1000, "the days themselves are read"
    assert grown(few, many) <= BY_DAYS | UNDECIDED
    assert "packets_are_sound" in grown(few_careless, many_careless)


def grown(few: dict[str, int], many: dict[str, int]) -> set[str]:
    return {rule for rule, rows in many.items() if rows > few[rule] * 1.1 + 20}
