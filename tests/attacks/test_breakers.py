"""A silent channel is left alone; and what was refused here was never sent: no try, no pause, no
"no", no money follows from it. Each twin shows what it costs without the guard."""

from contextlib import nullcontext, suppress
from datetime import timedelta
from itertools import count

import pytest
from django.utils import timezone

from kit import outside
from kit.plumbing import breaker
from payments import bill_days, chase, opening, send_refund, tasks
from payments.channels import http, registry
from payments.channels.base import ChannelDown, NotSent, RefundState, State
from payments.models import Bill, PaymentOrder
from payments.states import OrderStatus, PayType, RefundStatus, Scene
from payments.tests import channel_case as case
from testing.make import make_topup, user
from tests.attacks.silence import Held, kept_by
from wallets.models import Wallet

TOPUP = {"money": "1.00", "pay_type": "wechat", "scene": "native"}
GATEWAYS = (PayType.ALIPAY, PayType.WECHAT, PayType.UNIONPAY)


_payers = count()


def pays():
    """Another one each time."""
    return user(f"payer{next(_payers)}").post("wallet/topups", TOPUP)


def leave_alone(line: str) -> None:
    for _ in range(breaker.FAILURES):
        http.lines[line].breaker.failed()


def answers_again(line: str) -> None:
    http.lines[line].breaker.forget()


# --- over HTTP


@pytest.mark.parametrize("answer", [(502, {}, b""), (500, {}, b"{}"), "breaks off"])
def test_a_silent_gateway_is_left_alone(keys, there, answer):
    whole = {"Content-Length": "100", "Connection": "close"}
    there.answer = lambda asked: (200, whole, b"half") if answer == "breaks off" else answer

    said = [pays() for _ in range(breaker.FAILURES + 3)]

    assert {each.status_code for each in said} == {503}
    assert len(there.asked) == breaker.FAILURES, "one try each, and then none"
    assert said[-1].json()["code"] == "unavailable"
    assert int(said[-1]["Retry-After"]) > 0
    assert PaymentOrder.objects.count() == breaker.FAILURES, "who was refused left nothing behind"


def test_a_silent_gateway_keeps_everybody_without_the_guard(keys, there, monkeypatch):
    monkeypatch.setattr(breaker, "FAILURES", 10**9)
    there.answer = lambda asked: (502, {}, b"")

    for _ in range(10):
        pays()

    assert len(there.asked) == 10


def test_then_one_tries_and_the_others_still_go_without(keys, there, monkeypatch):
    monkeypatch.setattr(breaker, "OPEN_S", 0)
    there.answer = lambda asked: (502, {}, b"")
    for _ in range(breaker.FAILURES):
        pays()
    held = Held()

    def slow(asked):
        held.keep()
        return 400, {}, b"{}"

    there.answer = slow
    with kept_by(held, lambda at: pays(), 1):
        assert pays().status_code == 503
        assert len(there.asked) == breaker.FAILURES + 1
    pays()
    assert len(there.asked) == breaker.FAILURES + 2, "it has answered, so all may ask again"


@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 429])
def test_what_a_channel_says_is_no_silence(keys, there, status):
    there.answer = lambda asked: (status, {}, b"{}")

    for _ in range(2 * breaker.FAILURES):
        pays()

    assert len(there.asked) == 2 * breaker.FAILURES


def test_one_gateway_is_not_another(keys, there):
    there.answer = lambda asked: (502, {}, b"")
    for _ in range(breaker.FAILURES + 1):
        pays()

    user("bob").post("wallet/topups", TOPUP | {"pay_type": "unionpay"})

    assert len(there.asked) == breaker.FAILURES + 1


# --- a request has one try, and less time


def ask(there, **how):
    with pytest.raises(ChannelDown):
        http.call("GET", there.url, by="there", headers={}, repeatable=True, **how)


def test_a_request_has_one_try_and_a_worker_two(there, monkeypatch):
    monkeypatch.setattr(http, "PAUSE_S", 0)
    there.answer = lambda asked: (503, {}, b"")

    with outside.RequestUnderWay():
        ask(there)
    assert len(there.asked) == 1
    ask(there)
    assert len(there.asked) == 3


def test_a_request_waits_for_less_time_than_a_worker(settings):
    worker = http._limits(False)
    for wait_s in (1, settings.REDPACKET_CHANNEL_WAIT_S, 8):
        settings.REDPACKET_CHANNEL_WAIT_S = wait_s
        with outside.RequestUnderWay():
            request = http._limits(False)
        assert request.read_s == request.total_s == wait_s
        assert request.connect_s <= worker.connect_s
        assert request.read_s <= worker.read_s
        assert request.total_s < worker.total_s, "the leases are made for workers"


def test_every_request_is_one(keys, there, monkeypatch):
    """The gateway says so for all that it answers, whoever calls the channel within."""
    asked = []
    monkeypatch.setattr(outside, "once", lambda *call: asked.append(call[-1].read_s) or 1 / 0)

    pays()

    assert asked == [5]


# --- sweeps


def due_order() -> PaymentOrder:
    order = make_topup()
    PaymentOrder.objects.update(chase_at=timezone.now() - timedelta(seconds=1))
    return order


def untouched(order: PaymentOrder) -> bool:
    before = (order.status, order.chases, order.lease, order.open_key)
    order.refresh_from_db()
    return before == (order.status, order.chases, order.lease, order.open_key)


def test_an_order_is_not_asked_about_and_loses_no_try(alipay):
    order = due_order()
    leave_alone(alipay.line)

    tasks.chase_due()

    assert untouched(order)
    assert order.chase_at <= timezone.now(), "due as it was"
    assert "query" not in alipay.calls
    answers_again(alipay.line)
    assert chase.chase(order_id=order.pk, now=timezone.now()) is State.PENDING


def test_an_order_loses_a_try_without_the_guard(alipay, monkeypatch):
    order = due_order()
    monkeypatch.setattr(registry, "line", lambda *_: nullcontext())
    alipay.is_down = True  # as NotSent is, to whoever does not ask first

    tasks.chase_due()

    assert not untouched(order)
    assert order.chases == 1


def test_a_refund_that_was_not_sent_is_still_to_be_sent_for_the_first_time(alipay, approved):
    """So a refusal of the first real try still ends it, and the money goes back."""
    leave_alone(alipay.line)
    for _ in range(3):
        tasks.send_refunds()

    approved.refresh_from_db()
    assert (approved.status, approved.chases, approved.lease) == (RefundStatus.APPROVED, 0, None)
    assert not [call for call in alipay.calls if call.startswith("refund")]

    answers_again(alipay.line)
    alipay.refunds = RefundState.REFUSED
    tasks.send_refunds()
    approved.refresh_from_db()
    assert approved.status == RefundStatus.FAILED
    assert Wallet.objects.get(pk="bob").balance == 50


def test_a_refund_that_was_not_sent_counts_as_tried_without_the_guard(
    alipay, approved, monkeypatch
):
    def not_sent(refund):
        raise NotSent(alipay.line)

    refuses, alipay.refund = alipay.refund, not_sent
    send_refund.send(refund_id=approved.pk, now=approved.chase_at)
    alipay.refund = refuses

    approved.refresh_from_db()
    assert (approved.status, approved.chases) == (RefundStatus.SENT, 1)
    assert Wallet.objects.get(pk="bob").balance == 0, "yet nothing is inferred from it"


def waiting_bill() -> Bill:
    now = timezone.now()
    return Bill.objects.create(
        pay_type=PayType.ALIPAY, day=bill_days.yesterday(now), due_at=now - timedelta(days=1)
    )


def not_sent(**_):
    raise NotSent("alipay")


def test_a_bill_that_was_not_asked_for_loses_no_try(alipay, monkeypatch):
    bill = waiting_bill()
    monkeypatch.setattr(bill_days.reconcile, "download", not_sent)

    assert bill_days.walk(pay_type=PayType.ALIPAY, now=timezone.now()) == 0

    before = (bill.tries, bill.due_at, bill.says)
    bill.refresh_from_db()
    assert (bill.tries, bill.due_at, bill.says) == before


def test_a_bill_loses_a_try_without_the_guard(alipay, monkeypatch):
    bill = waiting_bill()
    monkeypatch.setattr(bill_days.reconcile, "download", not_sent)
    monkeypatch.setattr(bill_days, "NotSent", ZeroDivisionError)

    bill_days.walk(pay_type=PayType.ALIPAY, now=timezone.now())

    bill.refresh_from_db()
    assert bill.tries == 1


# --- opening


def test_a_refused_payer_leaves_no_order_without_the_guard(alipay, monkeypatch):
    """The order is made before the channel is called: a flood would fill the table."""

    def create(order, wanted):
        raise NotSent(alipay.line)

    alipay.create = create
    monkeypatch.setattr(opening.http, "line", lambda name: nullcontext())

    with pytest.raises(NotSent):
        make_topup()

    order = PaymentOrder.objects.get()
    assert (order.status, order.pay_params) == (OrderStatus.CREATED, None)


def test_what_was_given_before_is_given_again(alipay):
    first = make_topup()
    leave_alone(alipay.line)

    assert make_topup().pk == first.pk
    with pytest.raises(NotSent):
        make_topup(scene=Scene.NATIVE)
    first.refresh_from_db()
    assert first.open_key, "another scene was refused: the first one is not released for nothing"


# --- the channels' own calls


def verbs(channel) -> dict:
    order = case.order(pay_type=channel.pay_type, merchant=channel.merchant)
    refund = case.refund(pay_type=channel.pay_type)
    wishes = {
        f"create {scene.value}": lambda scene=scene: channel.create(order, case.wanted(scene))
        for scene in Scene
    }
    return wishes | {
        "query": lambda: channel.query(order),
        "close": lambda: channel.close(order),
        "refund": lambda: channel.refund(refund),
        "query_refund": lambda: channel.query_refund(refund),
    }


@pytest.mark.parametrize("pay_type", GATEWAYS)
def test_a_channel_is_called_by_its_line_alone(keys, there, pay_type):
    """So that whoever has taken the line is not refused behind his lease."""
    channel = registry.channel(pay_type)
    there.answer = lambda asked: (400, {}, b"{}")
    http.lines.clear()

    for verb in verbs(channel).values():
        try:
            verb()
        except ChannelDown as error:
            assert not isinstance(error, NotSent)

    assert list(http.lines) == [channel.line]
    assert there.asked


@pytest.mark.parametrize("scene", Scene)
@pytest.mark.parametrize("pay_type", GATEWAYS)
def test_a_channel_knows_whether_an_order_calls_it(keys, there, pay_type, scene):
    channel = registry.channel(pay_type)
    there.answer = lambda asked: (400, {}, b"{}")

    with suppress(ChannelDown):
        channel.create(case.order(), case.wanted(scene))

    assert bool(there.asked) == channel.asks_for(scene)
