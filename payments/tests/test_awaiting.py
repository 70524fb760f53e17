"""Awaiting for days: one case, a figure on the desk, and few questions (Spec 2.6)."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from packets.models import RedPacket
from packets.states import Kind
from payments import awaiting, cases, chase, confirm, order
from payments.channels import registry
from payments.channels.base import State
from payments.models import Case, PaymentOrder
from payments.states import CaseKind, CaseStatus, NoticeOutcome, OrderStatus
from payments.tests.conftest import take_back
from testing.forks import in_threads
from testing.make import make_order, make_packet, make_reported_packet
from wallets.credit import credit

DAY = timedelta(days=1)


def gone(monkeypatch) -> None:
    """The channel was taken out of the settings."""

    def no_channel(*args):
        raise registry.NotOffered("not offered")

    monkeypatch.setattr(registry, "channel", no_channel)


def asked_for(days: int, made: PaymentOrder) -> list[timedelta]:
    """Asked at each of its times for so long; the pauses between the questions."""
    made.refresh_from_db()
    until, pauses = timezone.now() + days * DAY, []
    while made.chase_at < until:
        at = made.chase_at
        assert chase.chase(order_id=made.pk, now=at) is State.PENDING
        made.refresh_from_db()
        pauses.append(made.chase_at - at)
    return pauses


def reported() -> PaymentOrder:
    packet = make_packet(Kind.EQUAL, 2, "1.00")
    made = make_order(packet)
    order._announce(order_id=made.pk, now=timezone.now())
    order._tell(order_id=made.pk, now=timezone.now())
    assert RedPacket.objects.get(pk=packet.pk).pay_time is not None
    return made


@pytest.mark.parametrize(("why", "first_day"), [("gone", 24 + 2 * 8), ("down", 24 * 12 + 2 * 8)])
def test_sixty_days_without_an_answer_are_one_case_and_four_questions_a_day(
    alipay, monkeypatch, why, first_day
):
    made = reported()
    alipay.is_down = True
    if why == "gone":
        gone(monkeypatch)

    pauses = asked_for(60, made)

    case = Case.objects.get()
    assert (case.kind, case.order_no, f"{case.amount}") == (
        CaseKind.AWAITING_LONG,
        made.order_no,
        "2.00",
    )
    assert timedelta(0) <= case.created_at - made.reported_at - DAY < timedelta(hours=1)
    assert max(pauses) == timedelta(hours=6)
    assert pauses[-230:] == [timedelta(hours=6)] * 230
    assert len(pauses) < first_day + 59 * 4 + 4
    assert RedPacket.objects.get().voided_at is None, "nobody knows, so nobody is told"


def test_nobody_is_told_within_the_first_day(alipay, monkeypatch):
    made = reported()
    gone(monkeypatch)

    pauses = asked_for(1, made)

    assert not Case.objects.exists()
    assert max(pauses) <= timedelta(hours=1)


def test_one_case_also_when_a_person_has_closed_it():
    _, made = make_reported_packet()
    later = timezone.now() + 2 * DAY
    assert awaiting.tell(order_id=made.pk, now=later)
    Case.objects.update(status=CaseStatus.RESOLVED)

    awaiting.tell(order_id=made.pk, now=later + DAY)

    assert Case.objects.get().status == CaseStatus.RESOLVED


@pytest.mark.parametrize("is_paid", [True, False])
def test_the_case_closes_as_soon_as_somebody_knows(alipay, is_paid):
    made = reported()
    later = timezone.now() + 2 * DAY
    assert awaiting.tell(order_id=made.pk, now=later)

    if is_paid:
        payment = alipay.pay(made)
        assert confirm.confirm(payment=payment, now=later) is NoticeOutcome.CONFIRMED
    else:
        assert order.end(order_id=made.pk, to=OrderStatus.UNPAID, now=later)

    case = Case.objects.get()
    assert (case.status, case.resolved_at) == (CaseStatus.RESOLVED, later)
    assert not awaiting.tell(order_id=made.pk, now=later), "and nobody opens it again"


def test_a_case_that_was_given_money_keeps_nobody_from_being_paid(alipay):
    """An adjustment put money into it: it stays open for that, and the payment is confirmed."""
    made = reported()
    later = timezone.now() + 2 * DAY
    awaiting.tell(order_id=made.pk, now=later)
    case = Case.objects.get()
    credit(user_id="bob", amount=Decimal("1.00"), reason="by mistake", now=later)
    take_back(case, "1.00")

    assert confirm.confirm(payment=alipay.pay(made), now=later) is NoticeOutcome.CONFIRMED

    case.refresh_from_db()
    assert (case.status, case.held) == (CaseStatus.OPEN, Decimal("1.00"))


def test_an_order_that_nobody_reported_is_no_case(alipay, monkeypatch):
    """Nobody awaits it; it is asked about as seldom."""
    made = make_order(make_packet())
    gone(monkeypatch)

    pauses = asked_for(3, made)

    assert not Case.objects.exists()
    assert max(pauses) == timedelta(hours=6)


def told_while_it_is_confirmed(alipay, monkeypatch) -> list[Case]:
    """It is looked at as awaiting; another worker confirms it; the case is opened. What is open."""
    made = reported()
    later, payment = timezone.now() + 2 * DAY, alipay.pay(made)
    open_case, confirmed = cases.open_case, []

    def confirm_it():
        with connection.cursor() as cursor:
            cursor.execute(connection.lock_wait(0))
        return confirm.confirm(payment=payment, now=later)

    def confirmed_meanwhile(**kwargs):
        confirmed.extend(in_threads([confirm_it]))
        return open_case(**kwargs)

    monkeypatch.setattr(cases, "open_case", confirmed_meanwhile)
    assert awaiting.tell(order_id=made.pk, now=later)
    monkeypatch.setattr(cases, "open_case", open_case)
    if isinstance(
        confirmed[0], OperationalError
    ):  # he has to wait for the teller, and comes behind
        assert confirm.confirm(payment=payment, now=later) is NoticeOutcome.CONFIRMED
    return list(Case.objects.filter(status=CaseStatus.OPEN))


def test_no_case_is_left_of_an_order_that_was_confirmed_meanwhile(on_mariadb, alipay, monkeypatch):
    assert told_while_it_is_confirmed(alipay, monkeypatch) == []


def test_no_case_is_left_of_an_order_that_was_confirmed_meanwhile_without_the_turns(
    on_mariadb, alipay, monkeypatch
):
    monkeypatch.setattr(awaiting, "hold", lambda model, key: True)

    (case,) = told_while_it_is_confirmed(alipay, monkeypatch)

    assert case.kind == CaseKind.AWAITING_LONG
