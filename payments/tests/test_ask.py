"""Paid at the channel, ended here, the notification lost: a person asks, and it is booked."""

from decimal import Decimal

import pytest
from django.utils import timezone

from packets.models import RedPacket
from packets.states import Kind, PayStatus
from payments import ask, confirm, order
from payments.channels.base import State
from payments.models import Case, ChannelRefund, PaymentOrder
from payments.states import CaseKind, NoticeOutcome, OrderStatus
from testing.make import make_order, make_packet, make_reported_packet
from wallets.models import LedgerLine
from wallets.statement import balance

ENDS = (OrderStatus.CLOSED, OrderStatus.UNPAID, OrderStatus.FAILED)


def ended(made: PaymentOrder, to: OrderStatus) -> PaymentOrder:
    """Ended here by the way that leads there."""
    now = timezone.now()
    if to == OrderStatus.UNPAID:
        order._announce(order_id=made.pk, now=now)
    assert order.end(order_id=made.pk, to=to, now=now)
    made.refresh_from_db()
    return made


def lines() -> list[tuple[str, str]]:
    return [(line.target, f"{line.amount}") for line in LedgerLine.objects.order_by("pk")]


@pytest.mark.parametrize("to", ENDS)
def test_what_is_still_wanted_goes_to_its_owner(alipay, to):
    """A draft can be paid until it closes, also by an order that was given up."""
    packet = make_packet(Kind.EQUAL, 2, "1.00")
    made = ended(make_order(packet), to)
    alipay.pay(made)

    assert ask.ask(order_id=made.pk, now=timezone.now()) is State.PAID

    made.refresh_from_db()
    packet.refresh_from_db()
    assert (made.status, packet.pay_status) == (OrderStatus.CONFIRMED, PayStatus.PAID)
    assert lines() == [(f"escrow:{packet.public_id}", "2.00")]
    assert ask.ask(order_id=made.pk, now=timezone.now()) is None
    assert len(lines()) == 1


def test_what_is_not_wanted_any_more_waits_with_its_case(alipay):
    packet, made = make_reported_packet(Kind.EQUAL, 2, "1.00")
    ended(made, OrderStatus.UNPAID)
    payment = alipay.pay(made)

    said = [ask.ask(order_id=made.pk, now=timezone.now()) for _ in range(2)]

    assert said == [State.PAID, None]
    assert lines() == [("suspense", "2.00")]
    assert (Case.objects.get().kind, Case.objects.get().amount) == (CaseKind.LATE_PAYMENT, 2)
    assert ChannelRefund.objects.get().amount == 2
    assert RedPacket.objects.get(pk=packet.pk).voided_at is not None
    # The notification comes after all.
    assert confirm.confirm(payment=payment, now=timezone.now()) is NoticeOutcome.DUPLICATE
    assert lines() == [("suspense", "2.00")]


def test_another_amount_waits_with_its_case_however_often_one_asks(alipay):
    made = ended(make_order(make_packet(Kind.EQUAL, 2, "1.00")), OrderStatus.CLOSED)
    alipay.pay(made, amount="1.99")

    for _ in range(3):
        assert ask.ask(order_id=made.pk, now=timezone.now()) is State.PAID

    made.refresh_from_db()
    assert made.status == OrderStatus.CLOSED
    assert lines() == [("suspense", "1.99")]
    assert (Case.objects.get().kind, Case.objects.get().amount) == (
        CaseKind.WRONG_AMOUNT,
        Decimal("1.99"),
    )


@pytest.mark.parametrize("to", ENDS)
def test_what_was_not_paid_stays_as_it_is(alipay, to):
    made = ended(make_order(make_packet()), to)
    before = PaymentOrder.objects.values().get()

    assert ask.ask(order_id=made.pk, now=timezone.now()) is State.PENDING
    alipay.is_down = True
    assert ask.ask(order_id=made.pk, now=timezone.now()) is State.PENDING

    assert alipay.calls == ["query", "query"], "it is not closed there a second time"
    assert PaymentOrder.objects.values().get() == before
    assert lines() == []


def test_an_order_that_can_be_paid_is_chased_out_of_turn(alipay):
    _, made = make_reported_packet(Kind.EQUAL, 2, "1.00")

    assert ask.ask(order_id=made.pk, now=timezone.now()) is State.PENDING

    made.refresh_from_db()
    assert (made.status, made.chases) == (OrderStatus.REPORTED, 1)
    assert balance("alice").balance == 0
