"""Finance says what a channel cannot tell; and the audit names each way of losing a refund."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from kit.refusals import Forbidden
from office import roles
from office.models import StaffAction
from payments import cases, channel_refund, conclude_refund, confirm, send_refund
from payments.channels.base import RefundAnswer, RefundState
from payments.models import Case, ChannelRefund, Trade
from payments.states import CaseKind, CaseStatus, RefundStatus
from testing import desk
from testing.forks import in_threads
from testing.make import make_topup, propose_adjustment
from wallets.audit import audit
from wallets.models import Wallet
from wallets.tests.test_audit import by_hand


def make_staff(name: str) -> int:
    return get_user_model().objects.create_user(name, is_staff=True).pk


@pytest.fixture
def approved(alipay) -> ChannelRefund:
    """A refund of bob's whole top-up of 50.00; "checker" let it go."""
    now = timezone.now()
    made = make_topup(now=now)
    confirm.confirm(payment=alipay.pay(made), now=now)
    refund = channel_refund.propose(
        order_no=made.order_no,
        amount=Decimal("50.00"),
        reason="all of it",
        maker_id=make_staff("maker"),
        now=now,
    )
    channel_refund.approve(refund_no=refund.refund_no, checker_id=make_staff("checker"), now=now)
    refund.refresh_from_db()
    return refund


@pytest.fixture
def parked(alipay, approved) -> ChannelRefund:
    alipay.refunds = RefundState.PARKED
    send_refund.send(refund_id=approved.pk, now=approved.chase_at)
    approved.refresh_from_db()
    assert approved.status == RefundStatus.PARKED
    return approved


def conclude(refund, *, is_paid: bool, staff_id: int) -> bool:
    return conclude_refund.conclude(
        refund_no=refund.refund_no,
        is_paid=is_paid,
        staff_id=staff_id,
        says="seen on its own pages",
        now=timezone.now(),
    )


def in_bobs_wallet() -> Decimal:
    return Wallet.objects.get(pk="bob").balance


@pytest.mark.parametrize(
    ("is_paid", "status", "balance"),
    [(True, RefundStatus.DONE, 0), (False, RefundStatus.FAILED, 50)],
)
def test_finance_says_what_became_of_it(parked, is_paid, status, balance):
    third = make_staff("third")

    assert conclude(parked, is_paid=is_paid, staff_id=third)
    assert not conclude(parked, is_paid=not is_paid, staff_id=third)

    parked.refresh_from_db()
    assert (parked.status, parked.answer) == (status, "seen on its own pages")
    assert in_bobs_wallet() == balance
    assert Case.objects.get(kind=CaseKind.REFUND_PARKED).status == CaseStatus.RESOLVED


def test_two_words_at_once_count_once(parked):
    third = make_staff("third")

    said = in_threads(
        [
            lambda paid=paid: conclude(parked, is_paid=paid, staff_id=third)
            for paid in (True, False) * 2
        ]
    )

    assert sorted(said) == [False, False, False, True]


def test_who_let_the_money_go_does_not_say_where_it_is(parked):
    with pytest.raises(Forbidden):
        conclude(parked, is_paid=False, staff_id=parked.checker_id)

    assert in_bobs_wallet() == 0


def test_nobody_is_asked_about_a_refund_that_goes_its_way(alipay, approved):
    alipay.refunds = RefundState.PENDING
    send_refund.send(refund_id=approved.pk, now=approved.chase_at)

    assert not conclude(approved, is_paid=False, staff_id=make_staff("third"))

    assert in_bobs_wallet() == 0


def test_a_word_while_the_channel_is_asked_counts_and_the_channels_comes_after_it(alipay, parked):
    """The channel says "done" to a question that was asked before finance said "it came back"."""
    third = make_staff("third")

    def meanwhile(asked):
        assert conclude(parked, is_paid=False, staff_id=third)
        return RefundAnswer(RefundState.DONE)

    alipay.query_refund = meanwhile
    send_refund.send(refund_id=parked.pk, now=parked.chase_at)
    parked.refresh_from_db()
    assert (parked.status, in_bobs_wallet()) == (RefundStatus.FAILED, 50)
    assert parked.chase_at is not None


def test_at_the_desk(parked):
    checker = desk.staff(roles.CHECKER, "another")
    support = desk.staff(roles.SUPPORT)
    assert "The payer has the money" in checker.text(parked)

    checker.act(parked, "refund_came_back", "the channel shows it as returned")

    parked.refresh_from_db()
    assert (parked.status, in_bobs_wallet()) == (RefundStatus.FAILED, 50)
    noted = StaffAction.objects.get(action="refund_came_back")
    assert (noted.user, noted.reason) == (checker.user, "the channel shows it as returned")
    assert support.act(parked, "refund_was_paid").status_code == 403
    assert "The payer has the money" not in checker.text(parked)


# --- the audit


def findings() -> set[tuple[str, str]]:
    return {(found.rule, found.row) for found in audit()}


@pytest.mark.broken_books
@pytest.mark.parametrize(
    ("change", "values"),
    [
        ("UPDATE payments_channelrefund SET chase_at = NULL", []),
        ("UPDATE payments_channelrefund SET decided_at = %s", ["2026-01-01 00:00:00"]),
    ],
)
def test_a_refund_that_nobody_asks_about_is_named(alipay, approved, change, values):
    alipay.refunds = RefundState.PENDING
    send_refund.send(refund_id=approved.pk, now=approved.chase_at)
    assert audit() == []

    by_hand(change, *values)

    named = ("refunds_under_way_are_asked_about", f"refund {approved.refund_no}")
    assert findings() == {named}


@pytest.mark.broken_books
def test_a_parked_refund_whose_case_was_closed_is_named(parked):
    assert audit() == []

    by_hand("UPDATE payments_case SET status = 1")

    named = ("refunds_under_way_are_asked_about", f"refund {parked.refund_no}")
    assert findings() == {named}


def test_a_parked_refunds_case_is_not_closed_without_a_word(parked):
    """It was, and then nobody waited for the money in clearing. Found by a random history."""
    case, tidy = Case.objects.get(kind=CaseKind.REFUND_PARKED), make_staff("tidy")
    resolved = {"staff_id": tidy, "resolution": "looked at it", "now": timezone.now()}

    with pytest.raises(cases.StillWaits):
        cases.resolve(case_id=case.pk, **resolved)

    assert cases.why_open(case)
    case.refresh_from_db()
    assert case.status == CaseStatus.OPEN
    said = {"is_paid": True, "staff_id": tidy, "says": "they showed it", "now": timezone.now()}
    assert conclude_refund.conclude(refund_no=parked.refund_no, **said)
    assert not cases.resolve(case_id=case.pk, **resolved), "closed with the word"


@pytest.mark.broken_books
@pytest.mark.parametrize("status", [RefundStatus.FAILED, RefundStatus.PARKED])
def test_money_that_did_not_go_the_way_of_its_refund_is_named(alipay, approved, status):
    """Failed, and nothing came back; parked, and it came back."""
    alipay.refunds = RefundState.DONE if status == RefundStatus.FAILED else RefundState.FAILED
    send_refund.send(refund_id=approved.pk, now=approved.chase_at)
    assert audit() == []

    by_hand("UPDATE payments_channelrefund SET status = %s", int(status))

    assert ("refunds_are_in_the_ledger", f"refund {approved.refund_no}") in findings()


def paid_after_all(alipay, approved) -> None:
    """The channel says that it has failed, and then that it is done."""
    alipay.refunds = RefundState.FAILED
    send_refund.send(refund_id=approved.pk, now=approved.chase_at)
    approved.refresh_from_db()
    alipay.refunds = RefundState.DONE
    send_refund.send(refund_id=approved.pk, now=approved.chase_at)


@pytest.mark.broken_books
def test_a_refund_that_was_paid_after_all_is_named_until_it_is_put_right(alipay, approved):
    paid_after_all(alipay, approved)
    named = ("late_refunds_are_put_right", f"case refund:{approved.refund_no}")
    assert findings() == {named}

    by_hand("DELETE FROM wallets_ledgerline WHERE reference LIKE 'rf%%/late'")
    assert ("refunds_are_in_the_ledger", f"refund {approved.refund_no}") in findings()


@pytest.mark.broken_books  # the audit names what is asserted below
def test_paid_after_all_while_it_is_sent_again_under_another_number(alipay, approved):
    """The payment is to go back whole, twice: the channel takes one, and then the books hold."""
    alipay.refunds = RefundState.FAILED
    send_refund.send(refund_id=approved.pk, now=approved.chase_at)
    approved.refresh_from_db()
    again = channel_refund.propose(
        order_no=approved.order_no,
        amount=approved.amount,
        reason="it had failed",
        maker_id=approved.maker_id,
        now=timezone.now(),
    )
    channel_refund.approve(
        refund_no=again.refund_no, checker_id=approved.checker_id, now=timezone.now()
    )
    alipay.refunds = RefundState.DONE
    send_refund.send(refund_id=approved.pk, now=approved.chase_at)
    named = {found.rule for found in audit()}
    assert named == {"refunds_stay_within_their_payment", "late_refunds_are_put_right"}

    alipay.refunds = RefundState.REFUSED
    again.refresh_from_db()
    assert send_refund.send(refund_id=again.pk, now=again.chase_at) is RefundState.FAILED

    assert {found.rule for found in audit()} == {"late_refunds_are_put_right"}
    assert (Trade.objects.get().refunded, in_bobs_wallet()) == (50, 50)


def test_put_right_by_an_adjustment_under_four_eyes(alipay, approved):
    from payments import cases
    from wallets import adjust

    paid_after_all(alipay, approved)
    now, third = timezone.now(), make_staff("third")

    taken_back = propose_adjustment("bob", "50.00", maker_id=approved.maker_id, is_credit=False)
    adjust.approve(reference=taken_back.reference, checker_id=third, now=now)
    late = Case.objects.get(kind=CaseKind.REFUND_LATE)
    assert cases.resolve(case_id=late.pk, staff_id=third, resolution="taken back", now=now)

    assert in_bobs_wallet() == 0
    assert audit() == []
    approved.refresh_from_db()
    assert approved.done_at - approved.decided_at > timedelta(minutes=59)
