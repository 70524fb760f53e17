"""Each rule of the ledger is broken by hand and named, or its constraint refuses the break."""

import json
from contextlib import nullcontext
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import IntegrityError, connection
from django.utils import timezone

from testing import rules
from testing.forks import in_threads
from testing.make import make_wallet, propose_adjustment
from wallets import adjust, audit, daily
from wallets.credit import credit
from wallets.models import DailySummary, LedgerLine, Wallet


def by_hand(statement: str, *values) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def line_by_hand(kind=5, reference="adj_x", source="platform", target="wallet:u1", amount="1.00"):
    by_hand(
        "INSERT INTO wallets_ledgerline (kind, reference, source, target, amount, note, created_at)"
        " VALUES (%s, %s, %s, %s, %s, '', '2026-01-01 00:00:00')",
        *(kind, reference, source, target, amount),
    )


def line_id() -> int:
    return LedgerLine.objects.latest("pk").pk


def last_line() -> str:
    return f"ledger line {line_id()}"


def findings() -> set[tuple[str, str]]:
    return {(finding.rule, finding.row) for finding in audit.audit()}


BREAKS = {
    "one fen too much": (
        "wallet_balance_is_its_lines",
        lambda: by_hand("UPDATE wallets_wallet SET balance = 5.01 WHERE user_id = 'u1'"),
        "wallet u1",
    ),
    "a line is gone": (
        "wallet_balance_is_its_lines",
        lambda: by_hand("DELETE FROM wallets_ledgerline WHERE target = 'wallet:u1'"),
        "wallet u1",
    ),
    "an unknown kind": ("lines_are_well_formed", lambda: line_by_hand(kind=99), None),
    "no wallet": ("lines_are_well_formed", lambda: line_by_hand(target="wallet:nobody"), None),
    "from user to user": (
        "lines_are_well_formed",
        lambda: line_by_hand(source="wallet:u2", target="wallet:u1"),
        None,
    ),
    "a grab out of the platform's money": (
        "lines_are_well_formed",
        lambda: line_by_hand(kind=2),
        None,
    ),
}


@pytest.mark.broken_books
@pytest.mark.parametrize("name", BREAKS)
def test_broken_rule_is_named_with_its_row(name):
    rule, break_it, row = BREAKS[name]
    make_wallet("u1", "5.00")
    make_wallet("u2", "5.00")
    assert audit.audit() == []

    break_it()

    assert (rule, row or last_line()) in findings()


@pytest.mark.broken_books
@pytest.mark.parametrize("amount", ["1.00", None])
def test_adjustment_without_its_line_or_of_another_amount_is_named(amount):
    maker, checker = (get_user_model().objects.create(username=name) for name in ("m", "c"))
    proposed = propose_adjustment("u1", "12.34", maker_id=maker.pk)
    adjust.approve(reference=proposed.reference, checker_id=checker.pk, now=timezone.now())
    assert audit.audit() == []

    if amount:
        by_hand("UPDATE wallets_ledgerline SET amount = %s", amount)
    else:
        by_hand("DELETE FROM wallets_ledgerline")

    assert ("adjustments_are_in_the_ledger", f"adjustment {proposed.reference}") in findings()


@pytest.mark.broken_books
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE wallets_dailyfigure SET amount = 1.01",
        "UPDATE wallets_ledgerline SET booked_on = NULL",
    ],
)
def test_closed_day_that_is_not_the_ledger_is_named(change):
    before = timezone.now() - timedelta(days=2)
    credit(user_id="u1", amount=Decimal("1.00"), reason="test", now=before)
    daily.close_days(now=timezone.now())
    assert audit.audit() == []

    by_hand(change)

    day = DailySummary.objects.earliest("day").day
    assert ("daily_summaries_are_the_ledger", f"daily summary {day}") in findings()


@pytest.mark.broken_books
def test_closed_days_with_one_missing_are_named():
    before = timezone.now() - timedelta(days=3)
    credit(user_id="u1", amount=Decimal("1.00"), reason="test", now=before)
    daily.close_days(now=timezone.now())

    missing = DailySummary.objects.order_by("day")[1]
    missing.delete()

    after = missing.day + timedelta(days=1)
    assert findings() == {("daily_summaries_are_the_ledger", f"daily summary {after}")}


@pytest.mark.broken_books
@pytest.mark.parametrize("day", ["NULL", "'2026-01-01'"])
def test_line_that_is_in_no_closed_day_is_named(day):
    before = timezone.now() - timedelta(days=6)
    for _ in range(2):
        credit(user_id="u1", amount=Decimal("1.00"), reason="test", now=before)
        daily.close_days(now=timezone.now() - timedelta(days=1))
    assert audit.audit() == []

    by_hand(f"UPDATE wallets_ledgerline SET booked_on = {day} WHERE id = %s", line_id())

    assert ("lines_are_in_the_books", last_line()) in findings()


BROKEN_ABOVE = {
    "adjustments_are_in_the_ledger",
    "daily_summaries_are_the_ledger",
    "lines_are_in_the_books",
    # test_opening.py
    "openings_lead_to_the_balances",
    # test_seals.py
    "sealed_lines_are_unchanged",
}


def test_every_rule_is_broken_here():
    assert rules.names_in(audit) == {rule for rule, _, _ in BREAKS.values()} | BROKEN_ABOVE


REFUSED = {
    "wallet_balance_not_negative": lambda: by_hand("UPDATE wallets_wallet SET balance = -0.01"),
    "ledger_amount_positive": lambda: line_by_hand(amount="0.00"),
    "ledger_two_accounts": lambda: line_by_hand(source="wallet:u1"),
    "ledger_kind_reference": lambda: [line_by_hand(), line_by_hand()],
}


@pytest.mark.broken_books
@pytest.mark.parametrize("name", REFUSED)
def test_constraint_refuses_the_break(name):
    make_wallet("u1", "5.00")

    with pytest.raises(IntegrityError):
        REFUSED[name]()

    assert f"{Wallet.objects.get().balance}" == "5.00"


def test_every_constraint_is_tried_here():
    named = {c.name for model in (Wallet, LedgerLine) for c in model._meta.constraints}
    assert named == set(REFUSED)


def test_lines_are_immutable():
    make_wallet("u1", "5.00")
    line = LedgerLine.objects.get()

    for act in (line.save, line.delete):
        with pytest.raises(TypeError):
            act()


def test_books_of_any_size_are_read_in_chunks(monkeypatch):
    monkeypatch.setattr(audit, "CHUNK", 2)
    for i in range(5):
        make_wallet(f"u{i}", "1.00")

    chunks = [len(chunk) for chunk in audit.by_key(Wallet.objects.all())]

    assert chunks == [2, 2, 1]
    assert audit.audit() == []


# --- online: the audit reads one moment


def audit_while_money_arrives(monkeypatch) -> list[audit.Finding]:
    """Between reading the wallets and reading their lines somebody else commits a credit."""
    make_wallet("u1", "5.00")
    sums, arrived = audit.sums, []

    def late(names, **conditions):
        if not arrived:
            arrived.append(in_threads([lambda: make_wallet("u1", "0.01")]))
        return sums(names, **conditions)

    monkeypatch.setattr(audit, "sums", late)
    found = audit.audit()
    assert arrived == [[None]]
    return found


def test_audit_while_money_arrives(monkeypatch):
    assert audit_while_money_arrives(monkeypatch) == []


def test_audit_while_money_arrives_without_the_snapshot(monkeypatch):
    monkeypatch.setattr(audit, "snapshot", nullcontext)

    (finding,) = audit_while_money_arrives(monkeypatch)

    assert finding.says == "balance 5.00, lines 5.01"


# --- the command


def test_command_says_clean(capsys):
    make_wallet("u1", "5.00")

    call_command("audit")

    assert capsys.readouterr().out.startswith("audit clean: ")


def test_command_as_json_says_clean(capsys):
    call_command("audit", "--json")

    assert json.loads(capsys.readouterr().out) == []


@pytest.mark.broken_books
@pytest.mark.parametrize("as_json", [False, True])
def test_command_names_the_row_and_exits_with_1(capsys, as_json):
    make_wallet("u1", "5.00")
    by_hand("UPDATE wallets_wallet SET balance = 5.01")

    with pytest.raises(SystemExit) as exit_:
        call_command("audit", *(["--json"] if as_json else []))

    assert exit_.value.code == 1
    out = capsys.readouterr().out
    says = "balance 5.01, lines 5.00"
    if as_json:
        row = {"rule": "wallet_balance_is_its_lines", "row": "wallet u1", "says": says}
        assert json.loads(out) == [row]
    else:
        assert out == f"wallet_balance_is_its_lines: wallet u1: {says}\n"
