"""A case's money in suspense leaves once; a payment's refunds never come to more than it."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction
from django.utils import timezone

from kit.refusals import Forbidden, Invalid
from packets.states import Kind
from payments import cases, channel_refund, confirm, refunded, send_refund
from payments.audit import refunds_stay_within_their_payment, suspense_is_what_open_cases_hold
from payments.channels.base import Payment, RefundState
from payments.models import Case, ChannelRefund, PaymentOrder, Trade
from payments.states import CaseKind, CaseStatus, PayType, RefundStatus
from payments.tests.conftest import offer
from testing.make import (
    make_group,
    make_order,
    make_packet,
    make_topup,
    make_wallet,
    propose_adjustment,
)
from wallets import accounts, adjust, ledger
from wallets.audit import sums
from wallets.models import LedgerLine
from wallets.statement import balance
from wallets.states import LineKind

NOW = timezone.now


def staff(name: str) -> int:
    return get_user_model().objects.get_or_create(username=name, is_staff=True)[0].pk


@pytest.fixture
def maker():
    return staff("maker")


@pytest.fixture
def checker():
    return staff("checker")


@pytest.fixture
def channels(monkeypatch):
    return offer(monkeypatch, PayType.ALIPAY, PayType.WECHAT)


def paid_twice(single: str = "10.00", number: int = 1) -> tuple[Case, ChannelRefund]:
    """A packet paid at two channels: the second payment is in suspense, its refund proposed."""
    make_group("alice", *(f"u{i}" for i in range(number + 3)))
    packet = make_packet(Kind.EQUAL, number, single)
    orders = [make_order(packet, PayType.ALIPAY), make_order(packet, PayType.WECHAT)]
    for order in orders:
        pay_type = PayType(order.pay_type)
        trade_no = f"T-{order.order_no}"
        payment = Payment(pay_type, order.order_no, trade_no, order.amount, NOW())
        confirm.confirm(payment=payment, now=NOW())
    case = Case.objects.get(order_no=orders[1].order_no)
    return case, ChannelRefund.objects.get(case=case)


def topped_up(alipay, amount: str = "50.00") -> PaymentOrder:
    order = make_topup(amount, now=NOW())
    confirm.confirm(payment=alipay.pay(order), now=NOW())
    order.refresh_from_db()
    return order


def part(amount: str, maker: int, **of) -> ChannelRefund:
    wish = {"amount": Decimal(amount), "reason": "a part", "maker_id": maker, "now": NOW()}
    return channel_refund.propose(**of, **wish)


def send(refund: ChannelRefund, checker: int) -> RefundStatus:
    assert channel_refund.approve(refund_no=refund.refund_no, checker_id=checker, now=NOW())
    send_refund.send(refund_id=refund.pk, now=NOW() + timedelta(seconds=1))
    refund.refresh_from_db()
    return RefundStatus(refund.status)


def move_out(case: Case, maker: int, amount: str = "10.00", user: str = "alice"):
    """An adjustment out of suspense, proposed."""
    wish = {"other": accounts.SUSPENSE, "case_id": case.pk}
    return propose_adjustment(user, amount, maker_id=maker, **wish)


def put_back(maker: int, amount: str, case: Case | None = None, user: str = "alice"):
    return adjust.propose(
        user_id=user,
        amount=Decimal(amount),
        is_credit=False,
        other=accounts.SUSPENSE,
        case_id=case and case.pk,
        reason="credited the wrong one",
        maker_id=maker,
        now=NOW(),
    )


def approve(adjustment, checker: int) -> bool:
    return adjust.approve(reference=adjustment.reference, checker_id=checker, now=NOW())


def in_suspense() -> Decimal:
    return sums([accounts.SUSPENSE])[accounts.SUSPENSE]


def resolve(case: Case, checker: int) -> bool:
    return cases.resolve(case_id=case.pk, staff_id=checker, resolution="dealt with", now=NOW())


# --- a case's money leaves once


def test_a_case_holds_what_came_for_it(channels):
    case, _ = paid_twice()

    assert (case.held, in_suspense()) == (Decimal("10.00"), Decimal("10.00"))


def test_by_its_refund_or_its_adjustment_whichever_is_first(channels, maker, checker):
    """Two cases of 10.00 each: the money of the first cannot leave at the expense of the second."""
    first, refund = paid_twice()
    second, others = paid_twice()
    assert approve(move_out(first, maker), checker)

    with pytest.raises(ledger.Uncovered):
        channel_refund.approve(refund_no=refund.refund_no, checker_id=checker, now=NOW())

    refund.refresh_from_db()
    assert refund.status == RefundStatus.PROPOSED
    assert in_suspense() == 10
    assert send(others, checker) == RefundStatus.DONE
    assert in_suspense() == 0
    with pytest.raises(Invalid):
        move_out(second, maker)


def test_a_resolved_case_refunds_nothing(channels, maker, checker):
    case, refund = paid_twice()
    approve(move_out(case, maker), checker)
    assert resolve(case, checker)

    assert not channel_refund.approve(refund_no=refund.refund_no, checker_id=checker, now=NOW())

    refund.refresh_from_db()
    assert refund.status == RefundStatus.WITHDRAWN
    assert (in_suspense(), balance("alice").balance) == (0, 10)


def test_a_case_is_not_resolved_while_it_holds_money(channels, maker, checker):
    case, refund = paid_twice()

    with pytest.raises(cases.StillHeld):
        resolve(case, checker)
    case.refresh_from_db()
    refund.refresh_from_db()
    assert (case.status, refund.status) == (CaseStatus.OPEN, RefundStatus.PROPOSED)
    approved = {"refund_no": refund.refund_no, "checker_id": checker, "now": NOW()}
    assert channel_refund.approve(**approved)

    assert resolve(case, checker)
    assert not resolve(case, checker)


def test_nothing_leaves_an_empty_suspense(maker, checker):
    with pytest.raises(Invalid):
        propose_adjustment("bob", "100.00", maker_id=maker, other=accounts.SUSPENSE)

    assert in_suspense() == 0
    assert not LedgerLine.objects.exists()


def test_the_platform_keeps_what_nobody_claims(channels, maker, checker):
    case, refund = paid_twice()
    channel_refund.reject(refund_no=refund.refund_no, checker_id=checker, now=NOW())

    assert approve(move_out(case, maker, user=""), checker)

    assert (in_suspense(), sums([accounts.PLATFORM])[accounts.PLATFORM]) == (0, 10)
    assert resolve(case, checker)


def test_a_mistake_comes_back_to_its_case(channels, maker, checker):
    case, _refund = paid_twice()
    approve(move_out(case, maker, user="mallory"), checker)
    resolve(case, checker)

    with pytest.raises(Invalid):
        put_back(maker, "10.01", case, "mallory")
    assert approve(put_back(maker, "10.00", case, "mallory"), checker)

    case.refresh_from_db()
    assert (case.status, case.held, in_suspense()) == (CaseStatus.OPEN, 10, 10)
    assert send(part("10.00", maker, case_id=case.pk), checker) == RefundStatus.DONE
    assert (in_suspense(), balance("mallory").balance) == (0, 0)


def test_a_mistake_without_a_case_opens_one(maker, checker):
    make_wallet("bob", "30.00")

    back = put_back(maker, "12.00", user="bob")
    assert approve(back, checker)

    case = Case.objects.get(kind=CaseKind.TAKEN_BACK)
    back.refresh_from_db()
    assert (case.held, case.reference, back.case_id) == (12, back.reference, case.pk)
    assert approve(move_out(case, maker, "12.00", user="carol"), checker)
    assert (balance("carol").balance, in_suspense()) == (12, 0)


def test_what_the_channel_refused_is_held_by_the_case_about_that(channels, maker, checker):
    case, refund = paid_twice()
    channels[PayType.WECHAT].refunds = RefundState.FAILED

    assert send(refund, checker) == RefundStatus.FAILED

    failed = Case.objects.get(kind=CaseKind.REFUND_FAILED)
    case.refresh_from_db()
    assert (case.held, failed.held, in_suspense()) == (0, 10, 10)
    with pytest.raises(cases.StillHeld):
        resolve(failed, checker)
    assert approve(move_out(failed, maker), checker)
    assert resolve(failed, checker) and resolve(case, checker)


# --- refunds up to the rest


def test_a_topup_goes_back_in_parts_up_to_the_rest(alipay, maker, checker):
    order = topped_up(alipay)

    assert send(part("20.00", maker, order_no=order.order_no), checker) == RefundStatus.DONE
    assert send(part("10.00", maker, order_no=order.order_no), checker) == RefundStatus.DONE
    with pytest.raises(refunded.NothingLeft):
        part("20.01", maker, order_no=order.order_no)
    assert send(part("20.00", maker, order_no=order.order_no), checker) == RefundStatus.DONE

    with pytest.raises(refunded.NothingLeft):
        part("0.01", maker, order_no=order.order_no)
    assert balance("bob").balance == 0
    assert set(ChannelRefund.objects.values_list("paid", flat=True)) == {Decimal("50.00")}


def test_a_cases_money_goes_back_in_parts_up_to_the_rest(channels, maker, checker):
    case, refund = paid_twice()
    channel_refund.reject(refund_no=refund.refund_no, checker_id=checker, now=NOW())

    assert send(part("4.00", maker, case_id=case.pk), checker) == RefundStatus.DONE
    assert in_suspense() == 6
    assert send(part("6.00", maker, case_id=case.pk), checker) == RefundStatus.DONE

    assert in_suspense() == 0


def test_what_is_proposed_counts_until_it_comes_to_nothing(alipay, maker, checker):
    order = topped_up(alipay)
    rest = {"pay_type": PayType.ALIPAY, "trade_no": order.trade_no, "paid": order.amount}
    withdrawn, rejected, failing = (
        part(amount, maker, order_no=order.order_no) for amount in ("10.00", "15.00", "25.00")
    )
    assert refunded.rest(**rest) == 0

    now = {"now": NOW()}
    with pytest.raises(Forbidden):
        channel_refund.withdraw(refund_no=withdrawn.refund_no, maker_id=checker, **now)
    assert channel_refund.withdraw(refund_no=withdrawn.refund_no, maker_id=maker, **now)
    assert not channel_refund.withdraw(refund_no=withdrawn.refund_no, maker_id=maker, **now)
    assert channel_refund.reject(refund_no=rejected.refund_no, checker_id=checker, **now)
    assert refunded.rest(**rest) == 25
    alipay.refunds = RefundState.FAILED
    assert send(failing, checker) == RefundStatus.FAILED

    assert refunded.rest(**rest) == 50
    assert Trade.objects.get().refunded == 0
    assert balance("bob").balance == 50


def test_the_channel_hears_the_payments_own_total(channels, maker, checker):
    """Of 10.00 a part of 4.00 was refused: what is sent again is 4.00 of 10.00."""
    case, refund = paid_twice()
    channel_refund.reject(refund_no=refund.refund_no, checker_id=checker, now=NOW())
    channels[PayType.WECHAT].refunds = RefundState.FAILED
    send(part("4.00", maker, case_id=case.pk), checker)
    failed = Case.objects.get(kind=CaseKind.REFUND_FAILED)
    assert channel_refund.refundable(failed) == 4

    again = part("4.00", maker, case_id=failed.pk)

    assert (again.amount, again.paid) == (Decimal("4.00"), Decimal("10.00"))
    channels[PayType.WECHAT].refunds = RefundState.DONE
    assert send(again, checker) == RefundStatus.DONE
    assert send(part("6.00", maker, case_id=case.pk), checker) == RefundStatus.DONE
    assert in_suspense() == 0


def test_a_refused_refund_of_a_topup_is_proposed_again_from_its_case(alipay, maker, checker):
    order = topped_up(alipay)
    alipay.refunds = RefundState.FAILED
    send(part("20.00", maker, order_no=order.order_no), checker)
    failed = Case.objects.get(kind=CaseKind.REFUND_FAILED)
    assert (failed.held, channel_refund.refundable(failed)) == (0, 50)

    alipay.refunds = RefundState.DONE
    assert send(part("20.00", maker, case_id=failed.pk), checker) == RefundStatus.DONE

    assert balance("bob").balance == 30
    failed.refresh_from_db()
    assert failed.status == CaseStatus.RESOLVED


def test_what_a_rule_proposed_of_a_large_packet_is_approved_whole(channels, maker, checker):
    """100 shares of 200.00 paid twice: 20,000.00, while a person may propose 5,000.00."""
    _case, refund = paid_twice("200.00", 100)
    assert (refund.amount, in_suspense()) == (20_000, 20_000)

    assert send(refund, checker) == RefundStatus.DONE

    assert in_suspense() == 0


def test_a_large_payment_goes_back_by_hand_in_parts(channels, maker, checker, settings):
    case, refund = paid_twice("200.00", 100)
    channel_refund.reject(refund_no=refund.refund_no, checker_id=checker, now=NOW())
    with pytest.raises(Invalid):
        part("5000.01", maker, case_id=case.pk)
    settings.REDPACKET_CHECKER_MAX = Decimal("4999.99")
    limited = part("5000.00", maker, case_id=case.pk)
    with pytest.raises(Invalid):
        channel_refund.approve(refund_no=limited.refund_no, checker_id=checker, now=NOW())
    settings.REDPACKET_CHECKER_MAX = Decimal("5000.00")
    assert send(limited, checker) == RefundStatus.DONE

    for _ in range(3):
        assert send(part("5000.00", maker, case_id=case.pk), checker) == RefundStatus.DONE

    assert in_suspense() == 0


# --- the database and the audit


@pytest.mark.parametrize(
    "changes", [{"held": "-0.01"}, {"held": "10.01"}, {"status": CaseStatus.RESOLVED}]
)
def test_the_database_knows_what_a_case_may_hold(channels, changes):
    case, _ = paid_twice()

    with pytest.raises(IntegrityError), transaction.atomic():
        Case.objects.filter(pk=case.pk).update(**changes)


@pytest.mark.parametrize("amount", ["-0.01", "10.01"])
def test_the_database_knows_what_can_go_back(channels, amount):
    paid_twice()

    with pytest.raises(IntegrityError), transaction.atomic():
        Trade.objects.update(refunded=amount)


def test_a_case_of_the_release_before_is_counted_when_it_is_touched(channels, maker, checker):
    """Its workers leave `held` empty; the lines say what it is."""
    case, refund = paid_twice()
    Case.objects.update(held=None)
    with pytest.raises(cases.StillHeld):
        resolve(case, checker)
    case.refresh_from_db()
    assert case.held is None, "nothing was done"

    assert list(suspense_is_what_open_cases_hold()) == []
    assert send(refund, checker) == RefundStatus.DONE

    case.refresh_from_db()
    assert case.held == 0


def test_a_refund_of_the_release_before_counts(alipay, maker):
    order = topped_up(alipay)
    part("20.00", maker, order_no=order.order_no)
    Trade.objects.all().delete()

    with pytest.raises(refunded.NothingLeft):
        part("30.01", maker, order_no=order.order_no)
    part("30.00", maker, order_no=order.order_no)

    assert Trade.objects.get().refunded == 50


def says(rule) -> list[str]:
    return [f"{found.row}: {found.says}" for found in rule()]


@pytest.mark.broken_books
def test_the_audit_sees_a_case_that_holds_another_sum(channels):
    case, _ = paid_twice()
    Case.objects.update(held="9.99")

    assert says(suspense_is_what_open_cases_hold) == [f"case {case.pk}: holds 9.99, lines 10.00"]


@pytest.mark.broken_books
def test_the_audit_sees_money_that_left_for_no_case(channels):
    paid_twice()
    LedgerLine.objects.bulk_create(
        [
            LedgerLine(
                kind=LineKind.ADJUSTMENT,
                reference="adj_by_hand",
                source=accounts.SUSPENSE,
                target="wallet:alice",
                amount="10.00",
                created_at=NOW(),
            )
        ]
    )

    assert says(suspense_is_what_open_cases_hold) == ["suspense: 0.00, cases hold 10.00"]


@pytest.mark.broken_books
def test_the_audit_sees_money_that_left_twice(channels, maker, checker):
    case, refund = paid_twice()
    approve(move_out(case, maker), checker)
    Case.objects.update(held="10.00")
    channel_refund.approve(refund_no=refund.refund_no, checker_id=checker, now=NOW())

    assert says(suspense_is_what_open_cases_hold) == [f"case {case.pk}: holds 0.00, lines -10.00"]


@pytest.mark.broken_books
def test_the_audit_sees_a_resolved_case_with_money(channels):
    case, _ = paid_twice()
    Case.objects.update(held=None, status=CaseStatus.RESOLVED)

    assert says(suspense_is_what_open_cases_hold) == [f"case {case.pk}: resolved, and holds 10.00"]


@pytest.mark.broken_books
def test_the_audit_sees_refunds_beyond_their_payment(alipay, maker):
    order = topped_up(alipay)
    for _ in range(2):
        part("30.00", maker, order_no=order.order_no)
        Trade.objects.all().delete()
        ChannelRefund.objects.filter(amount="30.00").update(status=RefundStatus.WITHDRAWN)
    ChannelRefund.objects.update(status=RefundStatus.PROPOSED)

    found = says(refunds_stay_within_their_payment)
    assert found == [f"payment alipay {order.trade_no}: 60.00 of ['50.00'], kept as 60.00"]


@pytest.mark.broken_books
def test_the_audit_sees_a_refund_with_a_total_of_its_own(alipay, maker):
    order = topped_up(alipay)
    part("10.00", maker, order_no=order.order_no)
    ChannelRefund.objects.update(paid="40.00")

    assert len(says(refunds_stay_within_their_payment)) == 1


# --- a case ends with its refund


def test_a_case_closes_itself_when_its_refund_has_reached_the_payer(channels, checker):
    case, refund = paid_twice()

    assert send(refund, checker) is RefundStatus.DONE

    case.refresh_from_db()
    assert (case.status, case.held, case.resolved_by_id) == (CaseStatus.RESOLVED, 0, None)
    assert refund.refund_no in case.resolution


def test_a_case_stays_open_while_another_part_of_it_is_under_way(channels, maker, checker):
    case, whole = paid_twice()
    channel_refund.reject(refund_no=whole.refund_no, checker_id=checker, now=NOW())
    parts = [part(amount, maker, case_id=case.pk) for amount in ("4.00", "6.00")]

    assert send(parts[0], checker) is RefundStatus.DONE
    case.refresh_from_db()
    assert (case.status, case.held) == (CaseStatus.OPEN, Decimal("6.00"))

    assert send(parts[1], checker) is RefundStatus.DONE
    case.refresh_from_db()
    assert (case.status, case.held) == (CaseStatus.RESOLVED, 0)


def test_a_case_stays_open_when_its_refund_failed(channels, checker):
    case, refund = paid_twice()
    channels[PayType(refund.pay_type)].refunds = RefundState.FAILED

    assert send(refund, checker) is RefundStatus.FAILED

    case.refresh_from_db()
    again = Case.objects.get(kind=CaseKind.REFUND_FAILED)
    assert (case.status, again.status, again.held) == (0, 0, Decimal("10.00"))
