"""A refund that was made at the channel itself: booked from its bill, under four eyes, once."""

from datetime import timedelta
from decimal import Decimal

import pytest

from kit.refusals import Forbidden, Invalid
from payments import bills, book_refund, channel_refund, confirm, refunded
from payments.models import Case, ChannelRefund, Trade
from payments.states import CaseKind, CaseStatus, PayType, RefundStatus
from payments.tests import test_bill_days as tb
from payments.tests import test_reconcile as tr
from payments.tests.conftest import take_back
from payments.tests.test_bill_days import wechat as wechat
from payments.tests.test_conclude_refund import make_staff
from payments.tests.test_hear_refund import balance_of
from testing.forks import in_threads
from wallets import accounts
from wallets.audit import audit
from wallets.models import LedgerLine

DAY, NOON = tb.DAY, tb.NOON
LATER = bills.usual(DAY) + timedelta(hours=1)


def given_back(trade_no: str = "T1", amount: str = "4.00", number: str = "C1", *paid) -> Case:
    """The bill names a refund that we never asked for."""
    at = NOON.astimezone(bills.ZONE)
    rows = [*paid, tr.Row("x", trade_no, amount, at, refund_no=number)]
    tb.compare(PayType.WECHAT, DAY, *rows)
    return Case.objects.get(kind=CaseKind.BILL_SHORTFALL)


def topped_up() -> Case:
    order = tb.paid(PayType.WECHAT, "T1", "10.00", NOON)
    return given_back("T1", "4.00", "C1", tb.row(order))


def propose(case: Case) -> ChannelRefund:
    maker = make_staff("maker")
    return book_refund.propose(case_id=case.pk, reason="by hand", maker_id=maker, now=LATER)


def approve(refund: ChannelRefund, name: str = "checker") -> bool:
    wanted = {"refund_no": refund.refund_no, "checker_id": make_staff(name), "now": LATER}
    return channel_refund.approve(**wanted)


def test_the_payer_of_a_topup_has_it_back(wechat, monkeypatch):
    case = topped_up()
    wechat.calls.clear()

    refund = propose(case)
    assert (balance_of("wallet:bob"), Trade.objects.get().refunded) == (10, 4), "set aside"
    assert approve(refund)
    assert not approve(refund, "another")

    refund.refresh_from_db()
    case.refresh_from_db()
    assert (refund.status, refund.settle_date, refund.chase_at) == (RefundStatus.DONE, DAY, None)
    line = LedgerLine.objects.get(reference=refund.refund_no)
    assert (line.source, line.target, line.amount) == ("wallet:bob", "clearing:wechat", 4)
    assert (balance_of("wallet:bob"), balance_of("clearing:wechat")) == (6, -6)
    assert (Trade.objects.get().refunded, case.status) == (4, CaseStatus.RESOLVED)
    assert wechat.calls == [], "the channel is told nothing"
    with pytest.raises(refunded.NothingLeft):
        channel_refund.propose(
            order_no=refund.order_no,
            amount=Decimal("6.01"),
            reason="too much",
            maker_id=make_staff("third"),
            now=LATER,
        )


def test_the_bill_knows_it_from_then_on(wechat):
    case = topped_up()
    approve(propose(case))

    at = NOON.astimezone(bills.ZONE)
    rows = [tr.Row("x", "T1", "10.00", at), tr.Row("x", "T1", "4.00", at, refund_no="C1")]
    bill = tb.compare(PayType.WECHAT, DAY, *rows)
    tb.compare(PayType.WECHAT, tb.NEXT)

    assert (bill.matched, bill.differences) == (2, 0)
    assert Case.objects.count() == 1


def test_who_has_it_no_more_leaves_it_to_the_platform(wechat):
    order = tb.paid(PayType.WECHAT, "T1", "10.00", NOON)
    case = given_back("T1", "10.00", "C1", tb.row(order))
    take_back(case, "10.00")

    refund = propose(case)
    assert approve(refund)

    assert refund.source == accounts.PLATFORM
    assert (balance_of("platform"), balance_of("clearing:wechat")) == (-10, 0)
    case.refresh_from_db()
    assert (case.status, case.held) == (CaseStatus.OPEN, 10), "that money is still to be given"


def test_more_than_is_left_is_for_the_channel_to_explain(wechat):
    order = tb.paid(PayType.WECHAT, "T1", "10.00", NOON)
    case = given_back("T1", "10.00", "C1", tb.row(order))
    tb.refunded(order, "0.01", NOON)

    with pytest.raises(refunded.NothingLeft):
        propose(case)


def test_what_waits_in_suspense_leaves_it(wechat):
    payment = tb.Payment(PayType.WECHAT, "nobodys", "T9", Decimal("7.00"), NOON)
    confirm.confirm(payment=payment, now=NOON)
    row = tr.Row("nobodys", "T9", "7.00", NOON.astimezone(bills.ZONE))
    case = given_back("T9", "7.00", "C9", row)

    assert approve(propose(case))

    held = Case.objects.get(kind=CaseKind.UNKNOWN_ORDER)
    assert (held.held, balance_of("suspense"), balance_of("clearing:wechat")) == (0, 0, 0)


def test_a_row_without_a_number_of_its_own(wechat):
    order = tb.paid(PayType.WECHAT, "T1", "10.00", NOON)
    case = given_back("T1", "4.00", "T1", tb.row(order))
    assert case.reference.endswith(":T1:refund")

    refund = propose(case)

    assert (refund.their_no, approve(refund)) == ("T1", True)


def test_after_it_was_rejected_it_may_be_proposed_again(wechat):
    case = topped_up()
    first = propose(case)
    with pytest.raises(book_refund.ProposedAlready):
        book_refund.propose(case_id=case.pk, reason="x", maker_id=make_staff("m2"), now=LATER)
    channel_refund.reject(refund_no=first.refund_no, checker_id=make_staff("c2"), now=LATER)
    assert Trade.objects.get().refunded == 0

    again = book_refund.propose(case_id=case.pk, reason="x", maker_id=make_staff("m3"), now=LATER)

    with pytest.raises(Forbidden):
        channel_refund.approve(refund_no=again.refund_no, checker_id=again.maker_id, now=LATER)
    assert approve(again)


def test_what_is_no_refund_of_a_booked_payment(wechat):
    case = given_back("T0", "4.00", "C0")  # its payment is not in our books
    assert not book_refund.is_bookable(case)
    with pytest.raises(Invalid):
        propose(case)

    tb.paid(PayType.WECHAT, "T1", "10.00", NOON)
    tb.compare(PayType.WECHAT, DAY)
    missing = Case.objects.get(kind=CaseKind.BILL_SHORTFALL, trade_no="T1")
    assert not book_refund.is_bookable(missing)


# --- many at once


def proposed_at_once(case: Case) -> list[str]:
    makers = [make_staff(f"m{number}") for number in range(4)]

    def work(maker: int) -> str:
        try:
            book_refund.propose(case_id=case.pk, reason="x", maker_id=maker, now=LATER)
        except book_refund.ProposedAlready as refusal:
            return refusal.code
        return "made"

    return in_threads([lambda maker=maker: work(maker) for maker in makers])


def test_many_proposals_at_once_are_one(wechat):
    said = proposed_at_once(topped_up())

    assert sorted(said) == ["made", *["proposed_already"] * 3]
    assert Trade.objects.get().refunded == 4


@pytest.mark.broken_books
def test_many_proposals_at_once_are_one_without_the_guard(wechat, monkeypatch):
    forward = channel_refund.put_forward
    monkeypatch.setattr(
        channel_refund,
        "put_forward",
        lambda payment, *, theirs, **wanted: forward(
            payment, theirs=theirs | {"open_key": None}, **wanted
        ),
    )

    said = proposed_at_once(topped_up())

    assert said.count("made") > 1, "as often as the rest of the payment has room for it"
    assert "refunds_of_bills_are_booked_once" in [found.rule for found in audit()]


# --- the audit


@pytest.mark.broken_books
def test_the_audit_names_one_that_the_channel_would_be_told(wechat):
    refund = propose(topped_up())
    approve(refund)
    assert [found.rule for found in audit()] == []

    ChannelRefund.objects.filter(pk=refund.pk).update(chase_at=LATER)

    assert "refunds_of_bills_are_booked_once" in [found.rule for found in audit()]
