"""A top-up from order to wallet; with it, everything that is the same for every purpose."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from kit.http.caller import Caller
from kit.models import Event
from kit.refusals import Forbidden, Invalid, NotFound, Unavailable
from payments import (
    channel_refund,
    chase,
    confirm,
    notify,
    order,
    refunded,
    send_refund,
)
from payments.channels.base import RefundState, State
from payments.models import Case, ChannelRefund, Notification, PaymentOrder
from payments.refusals import ChannelUnavailable, OrderClosed
from payments.states import (
    CaseKind,
    NoticeOutcome,
    OrderStatus,
    PayType,
    RefundStatus,
    Scene,
)
from testing.forks import in_threads
from testing.make import make_topup
from testing.pretend import said
from wallets.models import LedgerLine
from wallets.statement import balance, flow

BOB = Caller("bob")


def make_staff(name: str):
    from django.contrib.auth import get_user_model

    return get_user_model().objects.create_user(name, is_staff=True)


def told(notice) -> tuple[bytes, str]:
    """What the channel hears, and what became of the notification."""
    answer = notify.receive(pay_type=PayType.ALIPAY, notice=notice, now=timezone.now())
    return answer.body, Notification.objects.latest("pk").outcome


# --- opening


def test_same_key_gives_the_same_order(alipay):
    first = make_topup()
    again = make_topup()

    assert again.order_no == first.order_no
    assert again.pay_params == first.pay_params
    assert alipay.calls == ["create"]
    assert make_topup(key="k2").order_no != first.order_no


def test_another_scene_gets_fresh_parameters(alipay):
    first = make_topup()
    again = make_topup(scene=Scene.H5)

    assert again.order_no == first.order_no
    assert again.pay_params != first.pay_params


def test_killed_between_order_and_answer_finds_its_order(alipay):
    alipay.is_down = True
    with pytest.raises(Unavailable):
        make_topup()
    alipay.is_down = False

    made = make_topup()

    assert PaymentOrder.objects.get() == made
    assert made.pay_params


def test_a_channel_that_refuses_ends_the_order(alipay):
    alipay.refuses = True
    with pytest.raises(ChannelUnavailable):
        make_topup()

    assert PaymentOrder.objects.get().status == OrderStatus.FAILED


def test_a_channel_without_settings_is_not_offered():
    with pytest.raises(ChannelUnavailable):
        make_topup()

    assert not PaymentOrder.objects.exists()


@pytest.mark.parametrize("amount", ["0.00", "5000.01"])
def test_limits(alipay, amount):
    with pytest.raises(Invalid):
        make_topup(amount)

    make_topup("0.01")
    make_topup("5000.00", key="k2")


def test_an_order_past_its_time_makes_room(alipay):
    past = timezone.now() - timedelta(days=1)
    first = make_topup(now=past)
    second = make_topup()

    assert second.order_no != first.order_no


# --- confirming


def test_confirmed_once_however_often_it_is_said(alipay):
    made = make_topup()

    answers = [told(said(made.order_no, "50.00")) for _ in range(3)]

    assert answers == [
        (b"success", "confirmed"),
        (b"success", "duplicate"),
        (b"success", "duplicate"),
    ]
    assert balance("bob").balance == 50
    line = LedgerLine.objects.get()
    assert (line.source, line.target, line.reference) == (
        "clearing:alipay",
        "wallet:bob",
        made.order_no,
    )
    made.refresh_from_db()
    assert (made.status, made.trade_no) == (OrderStatus.CONFIRMED, "T1")
    assert Event.objects.get(type="topup.confirmed").data["money"] == "50.00"


def test_twenty_at_once_confirm_once(alipay):
    made = make_topup()
    payment = alipay.pay(made)

    outcomes = in_threads(
        [lambda: confirm.confirm(payment=payment, now=timezone.now()) for _ in range(20)]
    )

    assert sorted(outcomes) == [NoticeOutcome.CONFIRMED] + [NoticeOutcome.DUPLICATE] * 19
    assert balance("bob").balance == 50


def test_forged_changes_nothing(alipay):
    made = make_topup()

    answer = told(said(made.order_no, "50.00", sign="bad"))

    assert answer == (b"failure", "forged")
    made.refresh_from_db()
    assert made.status == OrderStatus.CREATED
    assert not LedgerLine.objects.exists()


def test_another_amount_waits_in_suspense_and_the_right_one_still_comes(alipay):
    made = make_topup()

    wrong = [told(said(made.order_no, "49.99", "T9")) for _ in range(2)]
    right = told(said(made.order_no, "50.00", "T1"))

    assert [outcome for _, outcome in wrong] == ["suspense", "duplicate"]
    assert right == (b"success", "confirmed")
    assert balance("bob").balance == 50
    case = Case.objects.get()
    assert (case.kind, case.amount) == (CaseKind.WRONG_AMOUNT, Decimal("49.99"))
    assert ChannelRefund.objects.get().amount == Decimal("49.99")
    suspended = LedgerLine.objects.get(target="suspense")
    assert suspended.reference == "alipay:T9"


def test_second_payment_of_one_order(alipay):
    made = make_topup()
    told(said(made.order_no, "50.00", "T1"))

    assert told(said(made.order_no, "50.00", "T2")) == (b"success", "suspense")

    assert balance("bob").balance == 50
    assert Case.objects.get().kind == CaseKind.SECOND_PAYMENT


def test_unknown_order_is_kept_for_finance(alipay):
    assert told(said("hbnobody", "5.00")) == (b"success", "suspense")

    assert Case.objects.get().kind == CaseKind.UNKNOWN_ORDER
    assert not ChannelRefund.objects.exists()


def test_what_is_no_payment_is_noted(alipay):
    made = make_topup()

    assert told(said(made.order_no, "50.00", state="closed")) == (b"success", "noted")

    assert not LedgerLine.objects.exists()


def test_our_own_failure_asks_the_channel_to_knock_again(alipay, monkeypatch):
    made = make_topup()

    def broken(**_):
        raise RuntimeError("bug")

    monkeypatch.setattr(confirm, "confirm", broken)

    assert told(said(made.order_no, "50.00")) == (b"failure", "error")


def test_paid_after_it_was_closed_still_lands(alipay):
    made = make_topup()
    assert order.end(order_id=made.pk, to=OrderStatus.CLOSED, now=timezone.now())

    told(said(made.order_no, "50.00"))

    assert balance("bob").balance == 50


# --- reporting


def test_report_is_hearsay(alipay):
    made = make_topup()
    now = timezone.now()

    first = order.report(order_no=made.order_no, caller=BOB, result=None, now=now)
    again = order.report(order_no=made.order_no, caller=BOB, result="good", now=now)

    assert first.status == again.status == OrderStatus.REPORTED
    assert not LedgerLine.objects.exists()
    told(said(made.order_no, "50.00"))
    late = order.report(order_no=made.order_no, caller=BOB, result=None, now=now)
    assert late.status == OrderStatus.CONFIRMED


def test_report_with_a_bad_signature_or_by_somebody_else(alipay):
    made = make_topup()

    with pytest.raises(Invalid):
        order.report(order_no=made.order_no, caller=BOB, result="bad", now=timezone.now())
    with pytest.raises(NotFound):
        order.report(order_no=made.order_no, caller=Caller("eve"), result=None, now=timezone.now())

    made.refresh_from_db()
    assert made.status == OrderStatus.CREATED


def test_report_of_a_closed_order(alipay):
    made = make_topup()
    order.end(order_id=made.pk, to=OrderStatus.CLOSED, now=timezone.now())

    with pytest.raises(OrderClosed):
        order.report(order_no=made.order_no, caller=BOB, result=None, now=timezone.now())


# --- chasing


def reported(now) -> PaymentOrder:
    made = make_topup(now=now)
    return order.report(order_no=made.order_no, caller=BOB, result=None, now=now)


def test_a_silent_order_is_asked_about_with_growing_pauses(alipay, settings):
    settings.REDPACKET_CHASE_S, settings.REDPACKET_VOID_S = 30, 1800
    now = timezone.now()
    made = reported(now)
    pauses = []
    for _ in range(4):
        made.refresh_from_db()
        pauses.append((made.chase_at - now).total_seconds())
        now = made.chase_at
        assert chase.chase(order_id=made.pk, now=now) is State.PENDING

    assert pauses == [30, 30, 60, 120]
    assert alipay.calls == ["create"] + ["query"] * 4


def test_paid_is_confirmed_as_if_notified(alipay):
    now = timezone.now()
    made = reported(now)
    alipay.pay(made)

    chase.chase(order_id=made.pk, now=now + timedelta(seconds=30))

    assert balance("bob").balance == 50
    assert chase.chase(order_id=made.pk, now=now + timedelta(hours=1)) is None


@pytest.mark.parametrize(
    ("closes", "status"),
    [
        (State.CLOSED, OrderStatus.UNPAID),
        (State.PENDING, OrderStatus.REPORTED),
    ],
)
def test_silent_for_too_long_is_closed_only_at_the_channels_word(alipay, settings, closes, status):
    now = timezone.now()
    made = reported(now)
    alipay.closes = closes

    chase.chase(order_id=made.pk, now=now + timedelta(seconds=settings.REDPACKET_VOID_S))

    made.refresh_from_db()
    assert made.status == status


def test_paid_in_the_moment_of_closing_is_confirmed(alipay, settings):
    now = timezone.now()
    made = reported(now)
    query = alipay.query

    def paid_meanwhile(asked):
        answer = query(asked)
        alipay.pay(asked)
        return answer

    alipay.query = paid_meanwhile
    chase.chase(order_id=made.pk, now=now + timedelta(seconds=settings.REDPACKET_VOID_S))

    assert balance("bob").balance == 50


def test_an_order_that_nobody_reported_is_closed_after_its_time(alipay):
    now = timezone.now()
    made = make_topup(now=now)

    assert chase.chase(order_id=made.pk, now=made.expire_time) is State.CLOSED

    made.refresh_from_db()
    assert (made.status, made.chase_at, made.open_key) == (OrderStatus.CLOSED, None, None)


def test_a_channel_that_is_down_is_asked_again(alipay):
    now = timezone.now()
    made = reported(now)
    alipay.is_down = True

    assert chase.chase(order_id=made.pk, now=now + timedelta(hours=1)) is State.PENDING

    made.refresh_from_db()
    assert made.status == OrderStatus.REPORTED
    assert made.chase_at > now + timedelta(hours=1)


def test_two_workers_ask_once(alipay):
    now = timezone.now()
    made = reported(now)
    due = now + timedelta(seconds=30)
    query = alipay.query
    others = []

    def while_another_comes(asked):
        others.append(chase.chase(order_id=made.pk, now=due))
        return query(asked)

    alipay.query = while_another_comes
    chase.chase(order_id=made.pk, now=due)

    assert others == [None]
    assert alipay.calls == ["create", "query"]


# --- channel refunds under four eyes


@pytest.fixture
def proposed(alipay) -> ChannelRefund:
    made = make_topup()
    told(said(made.order_no, "50.00", "T1"))
    told(said(made.order_no, "50.00", "T2"))
    return ChannelRefund.objects.get()


def approve(refund, checker) -> bool:
    return channel_refund.approve(
        refund_no=refund.refund_no, checker_id=checker.pk, now=timezone.now()
    )


def test_approved_refund_leaves_suspense_and_is_sent_once(alipay, proposed):
    checker = make_staff("checker")

    assert approve(proposed, checker)
    assert not approve(proposed, checker)
    now = timezone.now()
    assert send_refund.send(refund_id=proposed.pk, now=now) is RefundState.DONE
    assert send_refund.send(refund_id=proposed.pk, now=now) is None

    proposed.refresh_from_db()
    assert proposed.status == RefundStatus.DONE
    assert alipay.calls.count(f"refund {proposed.refund_no}") == 1
    lines = LedgerLine.objects.filter(source="suspense")
    assert [(line.target, line.amount) for line in lines] == [("clearing:alipay", Decimal("50"))]


def test_refused_refund_comes_back_as_a_case(alipay, proposed):
    approve(proposed, make_staff("checker"))
    alipay.refunds = RefundState.FAILED

    send_refund.send(refund_id=proposed.pk, now=timezone.now())

    proposed.refresh_from_db()
    assert proposed.status == RefundStatus.FAILED
    assert Case.objects.filter(kind=CaseKind.REFUND_FAILED).count() == 1
    into = sum(line.amount for line in LedgerLine.objects.filter(target="suspense"))
    out = sum(line.amount for line in LedgerLine.objects.filter(source="suspense"))
    assert into - out == 50


def test_pending_refund_is_asked_about_under_the_same_number(alipay, proposed):
    approve(proposed, make_staff("checker"))
    alipay.refunds = RefundState.PENDING
    now = timezone.now()
    send_refund.send(refund_id=proposed.pk, now=now)
    alipay.refunds = RefundState.DONE

    later = now + timedelta(hours=1)
    assert send_refund.send(refund_id=proposed.pk, now=later) is RefundState.DONE

    assert alipay.calls[-1] == "query_refund"


def test_rejected_refund_moves_nothing(proposed):
    checker = make_staff("checker")

    assert channel_refund.reject(
        refund_no=proposed.refund_no, checker_id=checker.pk, now=timezone.now()
    )
    assert not approve(proposed, checker)

    assert not LedgerLine.objects.filter(source="suspense").exists()


def test_maker_cannot_check_himself(alipay, proposed):
    from django.db import IntegrityError

    maker = make_staff("maker")
    ChannelRefund.objects.filter(pk=proposed.pk).update(maker=maker)

    with pytest.raises(Forbidden):
        approve(proposed, maker)
    with pytest.raises(IntegrityError):
        ChannelRefund.objects.filter(pk=proposed.pk).update(
            status=RefundStatus.APPROVED, checker=maker
        )
    assert not LedgerLine.objects.filter(source="suspense").exists()


def test_maker_proposes_again_after_a_rejection(proposed):
    maker, checker = make_staff("maker"), make_staff("checker")
    wish = {"case_id": proposed.case_id, "amount": Decimal("50.00"), "reason": "the payer asks"}

    with pytest.raises(refunded.NothingLeft):
        channel_refund.propose(**wish, maker_id=maker.pk, now=timezone.now())
    channel_refund.reject(refund_no=proposed.refund_no, checker_id=checker.pk, now=timezone.now())
    again = channel_refund.propose(**wish, maker_id=maker.pk, now=timezone.now())

    with pytest.raises(Forbidden):
        approve(again, maker)
    assert approve(again, checker)


def test_topup_goes_back_out_of_its_wallet(alipay):
    made, maker, checker = make_topup(), make_staff("maker"), make_staff("checker")
    told(said(made.order_no, "50.00"))

    refund = channel_refund.propose(
        order_no=made.order_no,
        amount=Decimal("20.00"),
        reason="the payer asks",
        maker_id=maker.pk,
        now=timezone.now(),
    )
    approve(refund, checker)
    send_refund.send(refund_id=refund.pk, now=timezone.now())

    assert balance("bob").balance == 30
    entries = flow(user_id="bob", kind="topup", before=None, limit=10)
    assert [(entry.money, entry.order) for entry in entries] == [
        (Decimal("-20.00"), None),
        (Decimal("50.00"), made.order_no),
    ]


@pytest.mark.parametrize("amount", ["50.01", "0.00"])
def test_refund_stays_within_the_payment(alipay, amount):
    made, maker = make_topup(), make_staff("maker")
    told(said(made.order_no, "50.00"))

    with pytest.raises(Invalid):
        channel_refund.propose(
            order_no=made.order_no,
            amount=Decimal(amount),
            reason="x",
            maker_id=maker.pk,
            now=timezone.now(),
        )
