"""The till's guards of escrow, suspense and clearing, each with its twin."""

import threading
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from django.utils import timezone

from kit import sql
from payments import cases, channel_refund, refunded, send_refund
from payments.models import Case, ChannelRefund, Trade
from payments.states import CaseStatus, RefundStatus
from payments.tests import test_cases as story
from payments.tests.conftest import alipay  # noqa: F401 - a fixture
from payments.tests.test_cases import channels, checker, maker  # noqa: F401 - fixtures
from testing.forks import in_threads
from testing.make import make_packet
from wallets import accounts, ledger, suspense
from wallets.models import LedgerLine
from wallets.statement import balance
from wallets.states import LineKind


def outcome(verb, **wanted) -> str:
    try:
        return str(verb(**wanted))
    except (ledger.Uncovered, refunded.NothingLeft) as refusal:
        return type(refusal).__name__


def once_before(monkeypatch, module, name: str, intruder) -> None:
    """The first call of module.name lets the intruder through first, in a thread of his own."""
    original, calls = getattr(module, name), []

    def run(*args, **kwargs):
        calls.append(True)
        if len(calls) == 1:
            intruder()
        return original(*args, **kwargs)

    monkeypatch.setattr(module, name, run)


# --- suspense: what the case holds


def both_leave(monkeypatch, maker, checker) -> tuple[list[str], Case]:  # noqa: F811
    """The refund of a case is being approved while its adjustment is."""
    case, refund = story.paid_twice()
    moved = story.move_out(case, maker)
    outcomes: list[str] = []

    def adjusting():
        outcomes.extend(in_threads([lambda: str(story.approve(moved, checker))]))

    once_before(monkeypatch, cases, "count", adjusting)
    wanted = {"refund_no": refund.refund_no, "checker_id": checker, "now": timezone.now()}
    outcomes.append(outcome(channel_refund.approve, **wanted))
    return outcomes, case


def test_a_cases_money_leaves_once(on_mariadb, monkeypatch, channels, maker, checker):  # noqa: F811
    outcomes, case = both_leave(monkeypatch, maker, checker)

    assert outcomes == ["True", "Uncovered"]
    assert (story.in_suspense(), balance("alice").balance) == (0, 10)
    assert ChannelRefund.objects.get(case=case).status == RefundStatus.PROPOSED


@pytest.mark.broken_books
def test_a_cases_money_leaves_once_without_the_guard(
    on_mariadb,
    monkeypatch,
    channels,  # noqa: F811
    maker,  # noqa: F811
    checker,  # noqa: F811
):
    """Look, then write what one has calculated: both have looked before either wrote."""
    answers = suspense.cases()

    def careless(case_id: int, amount: Decimal) -> bool:
        held = Case.objects.get(pk=case_id).held
        cases.count(case_id)
        return held >= amount and bool(Case.objects.filter(pk=case_id).update(held=held - amount))

    monkeypatch.setattr(suspense, "cases", lambda: replace(answers, take=careless))

    outcomes, _ = both_leave(monkeypatch, maker, checker)

    assert outcomes == ["True", "True"]
    assert story.in_suspense() == -10, "10.00 came, 20.00 left"


def test_four_at_once_take_what_is_there(channels, maker, checker):  # noqa: F811
    case, refund = story.paid_twice()
    channel_refund.reject(refund_no=refund.refund_no, checker_id=checker, now=timezone.now())
    moved = [story.move_out(case, maker, "4.00") for _ in range(4)]

    outcomes = in_threads(
        [lambda a=a: outcome(story.approve, adjustment=a, checker=checker) for a in moved]
    )

    assert sorted(outcomes) == ["True", "True", "Uncovered", "Uncovered"]
    case.refresh_from_db()
    assert (case.held, story.in_suspense(), balance("alice").balance) == (2, 2, 8)


def test_a_case_is_not_resolved_past_money_that_comes_back(
    on_mariadb,
    monkeypatch,
    channels,  # noqa: F811
    maker,  # noqa: F811
    checker,  # noqa: F811
):
    case, _ = story.paid_twice()
    story.approve(story.move_out(case, maker), checker)
    back = story.put_back(maker, "10.00", case)
    once_before(
        monkeypatch,
        cases,
        "count",
        lambda: in_threads([lambda: story.approve(back, checker)]),
    )

    with pytest.raises(cases.StillHeld):
        story.resolve(case, checker)

    case.refresh_from_db()
    assert case.held == story.in_suspense() == 10


# --- clearing: what goes back of a payment


def proposed_at_once(monkeypatch, alipay, maker) -> list[str]:  # noqa: F811
    """30.00 of 50.00 twice, the second while the first is being proposed."""
    order = story.topped_up(alipay)
    outcomes: list[str] = []

    def propose() -> str:
        wanted = {"amount": "30.00", "maker": maker, "order_no": order.order_no}
        return "made" if outcome(story.part, **wanted).startswith("rf") else "NothingLeft"

    once_before(
        monkeypatch, channel_refund, "put_forward", lambda: outcomes.extend(in_threads([propose]))
    )
    outcomes.append(propose())
    return outcomes


def test_two_proposals_at_once_stay_within_the_payment(
    on_mariadb,
    monkeypatch,
    alipay,  # noqa: F811
    maker,  # noqa: F811
):
    assert proposed_at_once(monkeypatch, alipay, maker) == ["made", "NothingLeft"]

    assert Trade.objects.get().refunded == 30


@pytest.mark.broken_books
def test_two_proposals_at_once_stay_within_the_payment_without_the_guard(
    on_mariadb,
    monkeypatch,
    alipay,  # noqa: F811
    maker,  # noqa: F811
):
    """With the look before it alone, and no row that decides."""
    monkeypatch.setattr(refunded, "reserve", lambda **wanted: None)

    assert proposed_at_once(monkeypatch, alipay, maker) == ["made", "made"]

    assert [refund.amount for refund in ChannelRefund.objects.all()] == [30, 30]


def test_many_proposals_at_once(alipay, maker):  # noqa: F811
    order = story.topped_up(alipay)
    wanted = {"amount": "20.00", "maker": maker, "order_no": order.order_no}

    outcomes = in_threads([lambda: outcome(story.part, **wanted)] * 5)

    assert sum(made.startswith("rf") for made in outcomes) == 2
    assert outcomes.count("NothingLeft") == 3
    assert Trade.objects.get().refunded == 40


def test_many_withdrawals_at_once_give_it_back_once(alipay, maker):  # noqa: F811
    order = story.topped_up(alipay)
    kept, gone = (story.part("20.00", maker, order_no=order.order_no) for _ in range(2))
    wanted = {"refund_no": gone.refund_no, "maker_id": maker, "now": timezone.now()}

    outcomes = in_threads([lambda: channel_refund.withdraw(**wanted)] * 4)

    assert sorted(outcomes) == [False, False, False, True]
    assert Trade.objects.get().refunded == kept.amount


# --- escrow: whether anything was paid in


def pay_out(packet) -> None:
    with transaction.atomic():
        ledger.post(
            kind=LineKind.GRAB,
            reference=f"{packet.public_id}/1",
            source=accounts.escrow(packet.public_id),
            target=accounts.wallet("u1"),
            amount=Decimal("1.00"),
            now=timezone.now(),
        )


def pay_out_many(packet) -> None:
    with transaction.atomic():
        ledger.post_many(
            kind=LineKind.GRAB,
            source=accounts.escrow(packet.public_id),
            credits=[ledger.Credit("x/1", "u1", 100)],
            now=timezone.now(),
        )


@pytest.mark.parametrize("way", [pay_out, pay_out_many])
def test_nothing_leaves_an_escrow_that_nothing_came_to(way):
    packet = make_packet()

    with pytest.raises(ledger.Uncovered):
        way(packet)

    assert not LedgerLine.objects.exists()
    assert balance("u1").balance == 0


@pytest.mark.broken_books
@pytest.mark.parametrize("way", [pay_out, pay_out_many])
def test_nothing_leaves_an_escrow_that_nothing_came_to_without_the_guard(monkeypatch, way):
    packet = make_packet()
    monkeypatch.setattr(ledger, "paid_in", lambda: "%s IS NOT NULL")
    ledger._covered_credit_sql.cache_clear()
    ledger._paid_in_sql.cache_clear()
    try:
        way(packet)
    finally:
        monkeypatch.undo()
        ledger._covered_credit_sql.cache_clear()
        ledger._paid_in_sql.cache_clear()

    assert balance("u1").balance == 1, "out of nothing"


def refused_and_caught(packet) -> None:
    """The lines have been executed by the time when the escrow's answer is looked at."""
    with transaction.atomic(), suppress(ledger.Uncovered):
        ledger.post_many(
            kind=LineKind.GRAB,
            source=accounts.escrow(packet.public_id),
            credits=[ledger.Credit("x/1", "u1", 100)],
            now=timezone.now(),
        )


def test_a_set_that_was_refused_is_not_committed_by_who_catches_that(on_mariadb):
    refused_and_caught(make_packet())

    assert not LedgerLine.objects.exists()
    assert balance("u1").balance == 0


@pytest.mark.broken_books
def test_a_set_that_was_refused_is_not_committed_by_who_catches_that_without_the_guard(
    on_mariadb, monkeypatch
):
    monkeypatch.setattr(sql.transaction, "set_rollback", lambda _: None)

    refused_and_caught(make_packet())

    assert balance("u1").balance == 1, "out of nothing"


# --- the end of a case: its last refund


def both_arrive(
    monkeypatch,
    maker,  # noqa: F811
    checker,  # noqa: F811
    *,
    look_together: bool = False,
) -> Case:
    """The two refunds of one case reach their payer at the same moment."""
    case, whole = story.paid_twice()
    channel_refund.reject(refund_no=whole.refund_no, checker_id=checker, now=timezone.now())
    parts = [story.part(amount, maker, case_id=case.pk) for amount in ("4.00", "6.00")]
    for part in parts:
        facts = {"refund_no": part.refund_no, "checker_id": checker, "now": timezone.now()}
        channel_refund.approve(**facts)
    careful, together = cases.given_back, threading.Barrier(2)

    def given_back(**facts) -> None:
        together.wait(60)
        careful(**facts)
        if look_together:
            together.wait(60)

    monkeypatch.setattr(cases, "given_back", given_back)
    later = timezone.now() + timedelta(seconds=1)
    in_threads([lambda p=part: str(send_refund.send(refund_id=p.pk, now=later)) for part in parts])
    monkeypatch.setattr(cases, "given_back", careful)
    assert set(ChannelRefund.objects.filter(case=case).values_list("status", flat=True)) == {
        RefundStatus.REJECTED,
        RefundStatus.DONE,
    }
    case.refresh_from_db()
    return case


def test_a_case_ends_with_the_later_of_two_refunds(
    on_mariadb,
    monkeypatch,
    channels,  # noqa: F811
    maker,  # noqa: F811
    checker,  # noqa: F811
):
    case = both_arrive(monkeypatch, maker, checker)

    assert (case.status, case.held) == (CaseStatus.RESOLVED, 0)


def test_a_case_ends_with_the_later_of_two_refunds_without_the_guard(
    on_mariadb,
    monkeypatch,
    channels,  # noqa: F811
    maker,  # noqa: F811
    checker,  # noqa: F811
):
    """Each looks before the other has committed."""
    monkeypatch.setattr(cases, "hold", lambda *_: None)

    case = both_arrive(monkeypatch, maker, checker, look_together=True)

    assert (case.status, case.held) == (CaseStatus.OPEN, 0), "and nobody will close it"
