"""Closed days are sealed: what is changed, added or taken away by hand afterwards shows."""

import hmac
import json
from base64 import b32encode
from datetime import date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from itertools import pairwise

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from office.frame import staff
from office.models import StaffAction
from testing.forks import in_threads
from tests.races.test_twins import without_constraint
from wallets import audit, credit, daily, seals
from wallets.models import LedgerLine, Seal, Wallet

NOON = timezone.now().replace(hour=4, minute=0, second=0, microsecond=123456) - timedelta(days=3)
FIRST = timezone.localdate(NOON)
KEY = settings.REDPACKET_SEAL_KEY


def put_in(at: datetime) -> None:
    credit.credit(user_id="bob", amount=Decimal("1.50"), reason="对账 ✓", now=at)


def act(at: datetime) -> StaffAction:
    user, _ = get_user_model().objects.get_or_create(username="staff")
    wallet, _ = Wallet.objects.get_or_create(user_id="bob", defaults={"created_at": at})
    note = staff.Note(user, "freeze", wallet, reason="看过了", ip="2001:db8::1", now=at)
    note.keep(result=True)
    return StaffAction.objects.latest("pk")


def two_days() -> None:
    """Two lines and two actions on the first of two closed days, one of each on the second."""
    for _ in range(2):
        put_in(NOON)
        act(NOON)
    put_in(NOON + timedelta(days=1))
    act(NOON + timedelta(days=1))
    daily.close_days(now=NOON + timedelta(days=2))
    assert audit.audit() == []


def hidden(word: str) -> str:
    """As what names a person is sealed: the pseudonym that he has once he is erased."""
    digest = hmac.new(f"pseudonyms {KEY}".encode(), word.encode(), "sha256").digest()
    return "~" + b32encode(digest).decode().lower()[:26]


def by_hand(statement: str, *values) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def named() -> set[tuple[str, str]]:
    return {(f.rule, f.row) for f in audit.audit() if f.rule.startswith("sealed_")}


LINES = {("sealed_lines_are_unchanged", f"lines of {FIRST}")}
ACTIONS = {("sealed_actions_are_unchanged", f"actions of {FIRST}")}


# --- what is sealed


def test_each_closed_day_is_sealed_behind_the_one_before():
    """Counted again here by hand: the first day's lines and actions, and both seals of lines."""
    two_days()

    bob = f"wallet:{hidden('bob')}"
    line, action = LedgerLine.objects.earliest("pk"), StaffAction.objects.earliest("pk")
    at = NOON.strftime("%Y-%m-%dT%H:%M:%S.%f+00:00")
    rows = [
        [line.pk + n, 5, x.reference, "platform", bob, "1.50", hidden("对账 ✓"), at]
        for n, x in enumerate(LedgerLine.objects.order_by("pk")[:2])
    ]
    told = "".join(f"{json.dumps(row, separators=(',', ':'))}\n" for row in rows)
    first, second = Seal.objects.filter(table="lines").order_by("day")
    assert (first.day, first.rows) == (FIRST, 2)
    assert first.digest == sha256(told.encode()).hexdigest()
    before = ""
    for seal in (first, second):
        says = ["lines", before, seal.day.isoformat(), seal.rows, seal.digest]
        text = json.dumps(says, separators=(",", ":")).encode()
        name, mac = seal.seal.split(":")
        assert name == sha256(b"name of " + KEY.encode()).hexdigest()[:8]
        assert mac == hmac.new(KEY.encode(), text, "sha256").hexdigest()
        before = seal.seal
    rows = [
        [action.pk + n, action.user_id, "freeze", "wallets.wallet", hidden("bob"), hidden("bob"),
         hidden("看过了"), "",
         None, "2001:db8::1", at]
        for n in range(2)
    ]  # fmt: skip
    told = "".join(f"{json.dumps(row, separators=(',', ':'))}\n" for row in rows)
    assert Seal.objects.get(table="actions", day=FIRST).digest == sha256(told.encode()).hexdigest()


def test_a_day_of_any_size_is_counted_a_piece_at_a_time(monkeypatch):
    two_days()
    whole = seals.digest_of(seals.LINES, FIRST)

    monkeypatch.setattr(seals, "AT_ONCE", 1)

    assert seals.digest_of(seals.LINES, FIRST) == whole
    assert whole[0] == 2


def test_an_action_that_comes_after_its_day_was_shut_is_sealed_with_the_next():
    two_days()
    late = act(NOON)

    daily.close_days(now=NOON + timedelta(days=3))

    late.refresh_from_db()
    assert late.booked_on == FIRST + timedelta(days=2)
    assert list(Seal.objects.filter(table="actions").values_list("rows", flat=True)) == [2, 1, 1]
    assert audit.audit() == []


def test_what_staff_did_before_money_moved_is_in_the_books_too():
    act(NOON)
    put_in(NOON + timedelta(days=1))

    daily.close_days(now=NOON + timedelta(days=2))

    rows = Seal.objects.order_by("table", "day").values_list("table", "rows")
    assert list(rows) == [("actions", 1), ("actions", 0), ("lines", 0), ("lines", 1)]


def test_days_that_were_closed_without_a_seal_are_sealed_by_the_next_sweep():
    """By a worker of the release before, or one that was killed in between."""
    two_days()
    Seal.objects.all().delete()

    daily.close_days(now=NOON + timedelta(days=2))

    assert Seal.objects.count() == 4
    assert audit.audit() == []


# --- what shows


COLUMNS = {
    "lines": {
        "id": "99", "kind": "1", "reference": "'x'", "source": "'suspense'", "target": "'wallet:x'",
        "amount": "1.49", "note": "'x'", "created_at": "'2026-01-01 00:00:00'",
    },
    "actions": {
        "id": "99", "action": "'x'", "model": "'x'", "key": "'x'", "subject": "'x'",
        "reason": "'x'", "changes": "'{}'", "once": "'x'", "ip": "NULL",
        "created_at": "'2026-01-01 00:00:00'",
    },
}  # fmt: skip
TABLES = {"lines": "wallets_ledgerline", "actions": "kit_staffaction"}
EACH = [(table, column) for table, columns in COLUMNS.items() for column in columns]


@pytest.mark.broken_books
@pytest.mark.parametrize(("table", "column"), EACH)
def test_a_changed_column_of_a_closed_day_shows(table, column):
    two_days()

    key = {"lines": LedgerLine, "actions": StaffAction}[table].objects.earliest("pk").pk
    by_hand(
        f"UPDATE {TABLES[table]} SET {'`key`' if column == 'key' else column}"
        f" = {COLUMNS[table][column]} WHERE id = %s",
        key,
    )

    assert named() == {"lines": LINES, "actions": ACTIONS}[table]


def test_every_column_that_does_not_follow_later_is_sealed():
    for chain in seals.chains.values():
        columns = {field.attname for field in chain.model._meta.concrete_fields}
        assert columns - set(chain.columns) == {"booked_on"}
        assert set(chain.columns) - {"user_id"} == set(COLUMNS[chain.table])


BREAKS = {
    "a line is gone": (
        lambda: by_hand("DELETE FROM wallets_ledgerline WHERE id = %s", first_key(LedgerLine)),
        LINES,
    ),
    "one more": (
        lambda: by_hand(
            "INSERT INTO wallets_ledgerline"
            " (kind, reference, source, target, amount, note, created_at, booked_on)"
            " VALUES (5, 'adj_x', 'platform', 'wallet:bob', 1, '', '2026-01-01 00:00:00', %s)",
            FIRST,
        ),
        LINES,
    ),
    "another day": (
        lambda: by_hand(
            "UPDATE wallets_ledgerline SET booked_on = NULL WHERE id = %s", first_key(LedgerLine)
        ),
        LINES,
    ),
    "two change places": (
        lambda: by_hand(
            "UPDATE wallets_ledgerline SET reference = CONCAT('adj_', id), note = 'x'"
            if connection.vendor == "mysql"
            else "UPDATE wallets_ledgerline SET reference = 'adj_' || id, note = 'x'"
        ),
        LINES | {("sealed_lines_are_unchanged", f"lines of {FIRST + timedelta(days=1)}")},
    ),
    "an action is gone": (
        lambda: by_hand("DELETE FROM kit_staffaction WHERE id = %s", first_key(StaffAction)),
        ACTIONS,
    ),
    "an action before all": (
        lambda: by_hand(
            "UPDATE kit_staffaction SET booked_on = '2026-01-01' WHERE id = %s",
            first_key(StaffAction),
        ),
        ACTIONS,
    ),
    "the digest follows": (lambda: follow("lines"), LINES),
    "the digest of actions follows": (lambda: follow("actions"), ACTIONS),
}


def first_key(model) -> int:
    return model.objects.earliest("pk").pk


def follow(table: str) -> None:
    """Change a row, then the digest and the count, as whoever reads wallets/seals.py would."""
    chain = seals.chains[table]
    key = first_key(chain.model)
    column = {"lines": "note", "actions": "reason"}[table]
    by_hand(f"UPDATE {TABLES[table]} SET {column} = 'x' WHERE id = %s", key)
    rows, digest = seals.digest_of(chain, FIRST)
    assert Seal.objects.filter(table=table, day=FIRST).update(rows=rows, digest=digest) == 1


@pytest.mark.broken_books
@pytest.mark.parametrize("name", BREAKS)
def test_sql_by_hand_on_a_closed_day_shows(name):
    break_it, expected = BREAKS[name]
    two_days()

    break_it()

    assert named() == expected


@pytest.mark.broken_books
def test_a_seal_that_is_gone_shows():
    two_days()
    put_in(NOON + timedelta(days=2))
    daily.close_days(now=NOON + timedelta(days=3))
    second = FIRST + timedelta(days=1)

    Seal.objects.filter(table="lines", day=second).delete()
    daily.close_days(now=NOON + timedelta(days=3))

    third = second + timedelta(days=1)
    assert named() == {("sealed_lines_are_unchanged", f"lines of {third}")}


@pytest.mark.broken_books
def test_the_first_seals_are_missed():
    two_days()

    Seal.objects.filter(day=FIRST).delete()

    second = FIRST + timedelta(days=1)
    assert named() == {
        ("sealed_lines_are_unchanged", f"lines of {second}"),
        ("sealed_actions_are_unchanged", f"actions of {second}"),
    }


# --- keys


@pytest.mark.broken_books  # the audit behind each test has not these keys
def test_a_new_key_seals_what_comes_and_the_old_one_is_still_believed(settings):
    settings.REDPACKET_SEAL_KEY = "old"
    two_days()
    put_in(NOON + timedelta(days=2))

    settings.REDPACKET_SEAL_KEY = "new,old"
    daily.close_days(now=NOON + timedelta(days=3))

    names = [seal.seal[:8] for seal in Seal.objects.filter(table="lines").order_by("day")]
    assert names[0] == names[1] != names[2]
    assert audit.audit() == []


@pytest.mark.broken_books
def test_a_stolen_old_key_covers_up_no_old_day(settings):
    """The new key's seals hold the old ones."""
    settings.REDPACKET_SEAL_KEY = "old"
    two_days()
    settings.REDPACKET_SEAL_KEY = "new,old"
    put_in(NOON + timedelta(days=2))
    daily.close_days(now=NOON + timedelta(days=3))

    follow("lines")
    forged = list(seals.LINES.seals())[:2]
    for seal, before in zip(forged, [None, forged[0]], strict=True):
        seal.seal = seals._made(seal, before, seal.seal[:8], b"old")
        seal.save()

    third = FIRST + timedelta(days=2)
    assert named() == {("sealed_lines_are_unchanged", f"lines of {third}")}


@pytest.mark.broken_books
def test_a_key_that_is_not_here_is_said(settings):
    settings.REDPACKET_SEAL_KEY = "old"
    two_days()

    settings.REDPACKET_SEAL_KEY = "new"

    assert len(named()) == 4


# --- how often


def test_every_old_day_has_its_turn_within_a_month():
    day = date(2026, 1, 1)
    turns = [n for n in range(400) if audit.is_counted(day, day + timedelta(days=n))]

    assert turns[:8] == list(range(8))
    assert {b - a for a, b in pairwise(turns[7:])} == {23, 30}


@pytest.mark.parametrize("days", [20, 200, 1000])
def test_a_night_counts_few_old_days_however_many_there_are(days):
    """And each in its turn, while their number goes on growing."""
    first, counted = date(2026, 1, 1), set()
    old = [first + timedelta(days=age) for age in range(days)]
    for night in range(300):
        today = first + timedelta(days=days + night)
        turn = [day for day in old if audit.is_counted_at_night(day, today, first)]
        assert len(turn) <= audit.COUNTED_DAYS
        counted.update(turn)
    assert counted == set(old)


@pytest.mark.broken_books
def test_an_old_day_is_counted_again_on_demand(capsys):
    long_ago = NOON - timedelta(days=9)  # 12 days: it is not its turn
    put_in(long_ago)
    daily.close_days(now=timezone.now())
    by_hand("UPDATE wallets_ledgerline SET note = 'x'")

    assert audit.audit() == []
    call = lambda *more: call_command("audit", *more)  # noqa: E731
    call()
    with pytest.raises(SystemExit):
        call("--every-day")

    day = timezone.localdate(long_ago)
    assert f"sealed_lines_are_unchanged: lines of {day}: 1 rows were" in capsys.readouterr().out


@pytest.mark.broken_books
def test_a_seal_that_was_noted_is_looked_for(capsys):
    """A chain that was begun anew is whole in itself; what was noted elsewhere is not in it."""
    two_days()
    call_command("audit")
    noted = [line.split()[-1] for line in capsys.readouterr().out.splitlines()[1:]]
    assert len(noted) == 2
    call_command("audit", "--seal", noted[0], "--seal", noted[1])

    Seal.objects.all().delete()
    by_hand("UPDATE wallets_ledgerline SET note = 'x'")
    daily.close_days(now=timezone.now())
    assert audit.audit() == []
    with pytest.raises(SystemExit):
        call_command("audit", "--seal", noted[0])

    assert f"noted_seals_are_there: seal {noted[0]}" in capsys.readouterr().out


# --- two who seal one day


def seal_twice(monkeypatch) -> int:
    """A second one seals the first day while the first is counting it; how many seals it has."""
    put_in(NOON)
    seal_days = seals.seal_days
    monkeypatch.setattr(seals, "seal_days", lambda: 0)
    daily.close_days(now=NOON + timedelta(days=1))
    count, others = seals.digest_of, []

    def meanwhile(chain, day):
        if not others:
            others.append(True)
            in_threads([seal_days])
        return count(chain, day)

    monkeypatch.setattr(seals, "digest_of", meanwhile)
    seal_days()
    return Seal.objects.filter(table="lines", day=FIRST).count()


def test_two_who_seal_one_day(monkeypatch):
    assert seal_twice(monkeypatch) == 1


@pytest.mark.broken_books
def test_two_who_seal_one_day_without_the_guard(monkeypatch):
    with without_constraint(Seal, "seal_once"):
        assert seal_twice(monkeypatch) == 2
        Seal.objects.all().delete()
