"""One trade number is one payment, whatever its channel has said of it before."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.conf import settings
from django.utils import timezone

from kit.money import ZERO
from packets.models import RedPacket
from packets.states import Kind, PayStatus
from payments import ask, cases, channel_refund, chase, confirm, notify
from payments.audit import confirmed_orders_are_in_the_ledger, payments_are_booked_once
from payments.channels.base import Payment, RefundState, State
from payments.models import Case, ChannelRefund, Notification, PaymentOrder, Trade
from payments.send_refund import send
from payments.states import CaseKind, CaseStatus, NoticeOutcome, OrderStatus, PayType, RefundStatus
from payments.tests.test_cases import approve, checker, maker, move_out  # noqa: F401
from testing.make import make_order, make_packet, make_reported_packet
from testing.pretend import said
from wallets import accounts
from wallets.audit import sums
from wallets.models import LedgerLine
from wallets.statement import balance
from wallets.states import LineKind

NOW = timezone.now
RIGHT = Decimal("2.00")


@pytest.fixture
def order(alipay) -> PaymentOrder:
    """Of a packet of 2.00 that was reported, so that it is out and awaits its money."""
    return make_reported_packet(Kind.EQUAL, 2, "1.00")[1]


def told(order: PaymentOrder, amount: str, trade_no: str = "T1") -> tuple[bytes, str]:
    notice = said(order.order_no, amount, trade_no)
    answer = notify.receive(pay_type=PayType.ALIPAY, notice=notice, now=NOW())
    return answer.body, Notification.objects.latest("pk").outcome


def books(order: PaymentOrder) -> tuple[str, str, str]:
    """What is in the packet's escrow, in suspense, and at the channel."""
    names = (accounts.escrow(order.reference), accounts.SUSPENSE, accounts.clearing("alipay"))
    held = sums(names)
    escrow, suspense, clearing = (held[name] or ZERO for name in names)
    return f"{escrow:.2f}", f"{suspense:.2f}", f"{-clearing:.2f}"


def trade() -> tuple[str, str]:
    row = Trade.objects.get()
    return f"{row.paid:.2f}", f"{row.refunded:.2f}"


def status(order: PaymentOrder) -> OrderStatus:
    order.refresh_from_db()
    return OrderStatus(order.status)


def packet_of(order: PaymentOrder) -> RedPacket:
    return RedPacket.objects.get(public_id=order.reference)


def void_time():
    return NOW() + timedelta(seconds=settings.REDPACKET_VOID_S + 60)


# --- told of another amount, and then of the right one


@pytest.mark.parametrize("wrong", ["0.01", "1.99", "2.01", "200.00"])
@pytest.mark.parametrize("is_down", [False, True])
def test_what_was_told_wrongly_goes_back_out(alipay, order, wrong, is_down):
    """The channel is asked. When it does not answer, its own word counts that fits the order."""
    assert told(order, wrong) == (b"success", "suspense")
    assert books(order) == ("0.00", wrong, wrong)
    assert status(order) == OrderStatus.REPORTED
    alipay.pay(order)
    alipay.is_down = is_down

    assert told(order, "2.00") == (b"success", "confirmed")

    assert alipay.calls == ["query"]
    assert books(order) == ("2.00", "0.00", "2.00")
    assert (status(order), packet_of(order).pay_status) == (OrderStatus.CONFIRMED, PayStatus.PAID)
    case, refund = Case.objects.get(), ChannelRefund.objects.get()
    assert (case.kind, case.status, case.held) == (CaseKind.WRONG_AMOUNT, CaseStatus.RESOLVED, 0)
    assert case.resolution == f"the channel says 2.00 for order {order.order_no}"
    assert (refund.status, refund.checker) == (RefundStatus.WITHDRAWN, None)
    assert trade() == ("2.00", "0.00")
    assert [(line.reference, line.target) for line in LedgerLine.objects.order_by("pk")] == [
        ("alipay:T1", "suspense"),
        ("alipay:T1/back", "clearing:alipay"),
        (order.order_no, f"escrow:{order.reference}"),
    ]

    assert [told(order, amount)[1] for amount in ("2.00", wrong)] == ["duplicate", "duplicate"]
    assert books(order) == ("2.00", "0.00", "2.00")


def test_the_next_question_finds_it_too(alipay, order):
    told(order, "1.99")
    alipay.pay(order)

    assert chase.chase(order_id=order.pk, now=NOW(), at_once=True) is State.PAID

    assert (status(order), books(order)) == (OrderStatus.CONFIRMED, ("2.00", "0.00", "2.00"))


def test_an_order_that_has_ended_is_told_of_anew(alipay, order, checker):  # noqa: F811
    """Nobody wants the money any more: it waits, the right one, in one case."""
    told(order, "1.99")
    alipay.pay(order, amount="1.99")
    chase.chase(order_id=order.pk, now=void_time(), at_once=True)
    assert status(order) == OrderStatus.UNPAID
    assert packet_of(order).voided_at is not None
    alipay.pay(order)

    assert told(order, "2.00") == (b"success", "confirmed")

    assert books(order) == ("0.00", "2.00", "2.00")
    assert [(case.kind, case.held) for case in Case.objects.filter(status=CaseStatus.OPEN)] == [
        (CaseKind.LATE_PAYMENT, RIGHT)
    ]
    refund = refund_of(CaseKind.LATE_PAYMENT)
    assert (refund.amount, refund.paid) == (RIGHT, RIGHT)
    assert channel_refund.approve(refund_no=refund.refund_no, checker_id=checker, now=NOW())
    assert books(order) == ("0.00", "0.00", "0.00")


def test_the_channel_itself_says_that_another_amount_was_paid(alipay, order):
    told(order, "1.99")
    alipay.pay(order, amount="1.99")

    said_twice = [told(order, "2.00") for _ in range(2)]

    assert said_twice == [(b"success", "contradicted")] * 2
    assert (status(order), books(order)) == (OrderStatus.REPORTED, ("0.00", "1.99", "1.99"))
    case = Case.objects.get(kind=CaseKind.CONTRADICTED)
    assert (case.reference, case.amount, case.held) == ("trade:alipay:T1", RIGHT, 0)

    alipay.pay(order)  # and now it does not
    assert told(order, "2.00") == (b"success", "confirmed")
    case.refresh_from_db()
    assert case.status == CaseStatus.RESOLVED


def test_a_third_amount_is_not_believed_without_an_answer(alipay, order):
    told(order, "1.99")
    alipay.is_down = True

    assert told(order, "1.50") == (b"failure", "doubted"), "it will knock again"
    assert books(order) == ("0.00", "1.99", "1.99")

    alipay.is_down = False
    alipay.pay(order, amount="1.50")
    assert told(order, "1.50") == (b"success", "duplicate")
    assert books(order) == ("0.00", "1.50", "1.50")
    assert [case.held for case in Case.objects.order_by("pk")] == [0, Decimal("1.50")]


def test_while_another_worker_asks_nothing_is_decided(alipay, order):
    told(order, "1.99")
    PaymentOrder.objects.update(leased_until=NOW() + timedelta(seconds=30))

    assert told(order, "2.00") == (b"failure", "doubted")

    assert books(order) == ("0.00", "1.99", "1.99")


# --- some of it has gone already


def refund_of(case_kind: CaseKind = CaseKind.WRONG_AMOUNT) -> ChannelRefund:
    return ChannelRefund.objects.get(case__kind=case_kind, status=RefundStatus.PROPOSED)


def approved(checker: int) -> ChannelRefund:  # noqa: F811
    refund = refund_of()
    assert channel_refund.approve(refund_no=refund.refund_no, checker_id=checker, now=NOW())
    return refund


def test_what_went_back_is_not_booked_again(alipay, order, checker):  # noqa: F811
    """2.00 came, 1.50 of it went back: 0.50 are here, and the order is not paid."""
    told(order, "1.50")
    refund = approved(checker)
    assert send(refund_id=refund.pk, now=NOW()) is RefundState.DONE
    alipay.pay(order)

    assert told(order, "2.00") == (b"success", "duplicate")

    assert (status(order), books(order)) == (OrderStatus.REPORTED, ("0.00", "0.50", "0.50"))
    assert trade() == ("2.00", "2.00"), "the rest is proposed to go back, too"
    rest = refund_of()
    assert (rest.amount, rest.paid, rest.case.reference) == (Decimal("0.50"), RIGHT, "alipay:T1/2")

    chase.chase(order_id=order.pk, now=void_time(), at_once=True)
    assert status(order) == OrderStatus.UNPAID
    assert packet_of(order).voided_at is not None
    assert channel_refund.approve(refund_no=rest.refund_no, checker_id=checker, now=NOW())
    assert books(order) == ("0.00", "0.00", "0.00")


def test_what_is_on_its_way_back_and_fails_pays_the_order_after_all(
    alipay,
    order,
    checker,  # noqa: F811
):
    told(order, "1.50")
    refund = approved(checker)
    alipay.pay(order)
    chase.chase(order_id=order.pk, now=NOW(), at_once=True)
    assert (status(order), books(order)) == (OrderStatus.REPORTED, ("0.00", "0.50", "0.50"))

    alipay.refunds = RefundState.FAILED
    send(refund_id=refund.pk, now=NOW())
    assert books(order) == ("0.00", "2.00", "2.00")
    chase.chase(order_id=order.pk, now=NOW() + timedelta(minutes=1), at_once=True)

    assert (status(order), books(order)) == (OrderStatus.CONFIRMED, ("2.00", "0.00", "2.00"))
    assert trade() == ("2.00", "0.00")
    assert not Case.objects.filter(held__gt=0).exists()


def test_more_than_was_paid_is_on_its_way_back(alipay, order, checker):  # noqa: F811
    """No channel gives back more than it took: once it has said so, the order is paid."""
    told(order, "3.00")
    refund = approved(checker)
    alipay.pay(order)

    assert told(order, "2.00") == (b"success", "contradicted")
    assert (status(order), books(order)) == (OrderStatus.REPORTED, ("0.00", "0.00", "0.00"))

    alipay.refunds = RefundState.FAILED
    send(refund_id=refund.pk, now=NOW())
    assert told(order, "2.00") == (b"success", "confirmed")
    assert books(order) == ("2.00", "0.00", "2.00")
    assert Case.objects.get(kind=CaseKind.CONTRADICTED).status == CaseStatus.RESOLVED


def test_what_a_wallet_got_of_it_is_not_booked_again(
    alipay,
    order,
    maker,  # noqa: F811
    checker,  # noqa: F811
):
    told(order, "1.50")
    adjustment = move_out(Case.objects.get(), maker, "0.50")
    approve(adjustment, checker)
    alipay.pay(order)

    told(order, "2.00")

    assert (status(order), books(order)) == (OrderStatus.REPORTED, ("0.00", "1.50", "2.00"))
    assert balance("alice").balance == Decimal("0.50")


# --- told of another order


def test_a_payment_of_an_unknown_order_and_then_of_its_own(alipay, order):
    stranger = PaymentOrder(order_no="hbnobody", reference=order.reference)
    assert told(stranger, "2.00") == (b"success", "suspense")
    alipay.pay(order)

    assert told(order, "2.00") == (b"success", "confirmed")

    assert books(order) == ("2.00", "0.00", "2.00")
    assert [case.status for case in Case.objects.all()] == [CaseStatus.RESOLVED]


@pytest.mark.parametrize("other", ["another", "unknown"])
def test_a_payment_pays_one_order(alipay, order, other):
    second = make_order(make_packet(Kind.EQUAL, 2, "1.00"))
    number = second.order_no if other == "another" else "hbnobody"
    assert told(order, "2.00") == (b"success", "confirmed")
    elsewhere = PaymentOrder(order_no=number, reference=order.reference)

    assert [told(elsewhere, "2.00") for _ in range(2)] == [(b"success", "contradicted")] * 2

    assert books(order) == ("2.00", "0.00", "2.00")
    assert status(second) == OrderStatus.CREATED
    case = Case.objects.get()
    assert (case.kind, case.order_no, case.held) == (CaseKind.CONTRADICTED, number, 0)
    assert cases.why_open(case) == ""


def test_a_second_payment_told_with_another_amount(alipay, order):
    """Its order is confirmed by another one: there is nothing to ask about."""
    told(order, "2.00", "T1")
    assert told(order, "2.00", "T2")[1] == "suspense"

    assert told(order, "1.00", "T2") == (b"success", "contradicted")

    assert books(order) == ("2.00", "2.00", "4.00")


def test_a_payment_of_the_release_before_has_no_row(alipay, order):
    """Its workers booked it, and leave no row of the payment."""
    told(order, "1.99")
    Trade.objects.all().delete()
    alipay.pay(order)

    assert told(order, "2.00") == (b"success", "confirmed")

    assert (books(order), trade()) == (("2.00", "0.00", "2.00"), ("2.00", "0.00"))


# --- the audit


def findings(rule) -> list[str]:
    return [f"{found.row}: {found.says}" for found in rule()]


def suspended_by_hand(order: PaymentOrder) -> None:
    """As it was booked before: the right word beside the wrong one."""
    case = Case.objects.create(
        kind=CaseKind.WRONG_AMOUNT,
        reference="alipay:T1",
        pay_type=PayType.ALIPAY,
        order_no=order.order_no,
        trade_no="T1",
        amount="1.99",
        held="1.99",
        created_at=NOW(),
    )
    line = {"source": "clearing:alipay", "target": "suspense", "created_at": NOW()}
    LedgerLine.objects.bulk_create(
        [LedgerLine(kind=LineKind.SUSPENSE, reference=case.reference, amount=case.amount, **line)]
    )


@pytest.mark.broken_books
def test_the_audit_sees_a_payment_that_is_booked_twice(alipay, order):
    told(order, "2.00")
    suspended_by_hand(order)

    assert findings(payments_are_booked_once) == [
        "payment alipay T1: 3.99 booked, the channel took 2.00"
    ]
    assert findings(confirmed_orders_are_in_the_ledger) == [
        f"order {order.order_no}: 2 lines of ['2.00', '1.99'], order 2.00"
    ]


@pytest.mark.broken_books
def test_the_audit_sees_a_payment_that_is_booked_for_two_orders(alipay, order):
    told(order, "2.00", "T1")
    second = make_order(make_packet(Kind.EQUAL, 2, "1.00"))
    told(second, "2.00", "T2")
    PaymentOrder.objects.filter(pk=second.pk).update(trade_no="T1")

    assert findings(payments_are_booked_once) == [
        "payment alipay T1: 4.00 booked, the channel took 2.00",
        "payment alipay T2: 0.00 booked, the channel took 2.00",
    ]


@pytest.mark.broken_books
def test_the_audit_sees_a_payment_of_which_a_part_is_not_booked(alipay, order):
    told(order, "1.50")
    Trade.objects.update(paid="2.00")

    assert findings(payments_are_booked_once) == [
        "payment alipay T1: 1.50 booked, the channel took 2.00"
    ]


def test_asked_by_a_person_it_is_the_channels_answer(alipay, order):
    told(order, "1.99")
    alipay.pay(order)

    assert ask.ask(order_id=order.pk, now=NOW()) is State.PAID

    assert books(order) == ("2.00", "0.00", "2.00")


def test_a_word_that_nobody_asked_for_decides_nothing(alipay, order):
    told(order, "1.99")
    payment = Payment(PayType.ALIPAY, order.order_no, "T1", RIGHT)

    assert confirm.confirm(payment=payment, now=NOW()) is NoticeOutcome.DOUBTED

    assert books(order) == ("0.00", "1.99", "1.99")
