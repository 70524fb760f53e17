"""What does not fit waits in suspense, with a case and a refund proposed; nobody loses a cent."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from kit.http.caller import Caller
from kit.refusals import Forbidden
from packets import pay
from packets.models import RedPacket
from packets.tasks import close_drafts
from payments import channel_refund, chase, send_refund
from payments.channels.base import RefundState, State
from payments.models import Case, ChannelRefund, Notification, PaymentOrder
from payments.states import CaseStatus, OrderStatus, PayType, RefundStatus, Scene
from sandbox.models import SandboxTrade
from tests.flows.channels.story import (
    Shop,
    both_passes,
    chase_time,
    events,
    money,
    void_time,
)

VOID = "付款未到账，红包已作废"


def the_case() -> tuple[str, str, str]:
    """Kind, amount and proposed refund of the one case."""
    case = Case.objects.get()
    refund = ChannelRefund.objects.get(case=case)
    assert (refund.status, refund.maker, refund.amount) == (
        RefundStatus.PROPOSED,
        None,
        case.amount,
    )
    return case.kind, f"{case.amount:.2f}", refund.trade_no


def give_back(shop: Shop) -> None:
    """Finance approves what the rule proposed; the channel does it, and that closes the case."""
    checker = User.objects.create_user("checker")
    refund = ChannelRefund.objects.get()
    now = timezone.now()

    assert channel_refund.approve(refund_no=refund.refund_no, checker_id=checker.pk, now=now)
    said = send_refund.send(refund_id=refund.pk, now=now)
    if said is RefundState.PENDING:  # UnionPay accepts first, and says later that it is done
        again = now + timedelta(seconds=settings.REDPACKET_CHASE_S)
        said = send_refund.send(refund_id=refund.pk, now=again)
    assert said is RefundState.DONE
    refund.refresh_from_db()
    trade = SandboxTrade.objects.get(trade_no=refund.trade_no)
    assert (refund.status, trade.refunded_fen) == (RefundStatus.DONE, refund.amount * 100)
    assert Case.objects.get().status == CaseStatus.RESOLVED


def issued_events() -> list[str]:
    return [event["pay_status"] for event in events("packet.issued")]


@pytest.mark.parametrize("is_reported", [True, False])
def test_wrong_amount(shop, is_reported):
    packet = shop.draft()
    order = shop.pay(packet)

    told = shop.paid(order, amount="5.99", inside=True)
    if is_reported:
        shop.report(order)
        assert shop.grab(packet, "bob")["share"]["is_into_account"] is False
    shop.control("deliver", {})

    assert told["notices"][0]["acknowledged"] is True
    status = "reported" if is_reported else "created"
    assert (shop.order(order)["status"], shop.order(order)["trade_no"]) == (status, None)
    assert the_case() == ("wrong_amount", "5.99", told["trade_no"])
    assert money(packet, shop.word) == ("0.00", "5.99", "5.99")
    assert shop.packet(packet)["pay_status"] == ("awaiting" if is_reported else "unpaid")

    shop.chase(order, void_time())  # no second payment of this order can come
    assert shop.order(order)["status"] == ("unpaid" if is_reported else "closed")
    if is_reported:
        assert shop.packet(packet, "bob")["headline"] == VOID
    give_back(shop)
    assert money(packet, shop.word) == ("0.00", "0.00", "0.00")
    assert [shop.wallet(name) for name in ("alice", "bob")] == ["0.00", "0.00"]


def test_a_word_in_the_result_about_another_amount_is_refused(shop):
    order = shop.pay(shop.draft())
    told = shop.paid(order, amount="0.01", notify=False)
    if shop.word != "alipay":  # the others' results name no amount, or are not signed
        return

    assert shop.report(order, told["result"], 400)["errors"] == {"result": ["signature"]}
    assert shop.order(order)["status"] == "created"


def test_two_channels_pay_one_packet(shop, shops):
    other = shops("wechat-pubkey" if shop.word != "wechat" else "alipay")
    packet = shop.draft()
    first, second = shop.pay(packet), other.pay(packet)
    assert first["order_no"] != second["order_no"]

    told = shop.paid(first, inside=True)  # superseded, and still paid first: it pays the packet
    late = other.paid(second, inside=True, late=True)

    page = shop.packet(packet)
    assert (page["pay_status"], page["pay_type"]) == ("paid", shop.word)
    assert [shop.order(order)["status"] for order in (first, second)] == ["confirmed"] * 2
    assert the_case() == ("second_payment", "6.00", late["trade_no"])
    assert RedPacket.objects.get().trade_no == told["trade_no"]
    assert money(packet, shop.word) == ("6.00", "6.00", "6.00")
    assert money(packet, other.word) == ("6.00", "6.00", "6.00")
    assert issued_events() == ["paid"]
    assert both_passes(packet) == [(1, 0, "0.00"), (2, 0, "0.00")]
    reported = other.report(second)
    assert reported["status"] == "confirmed"
    give_back(other)
    assert money(packet, other.word) == ("6.00", "0.00", "0.00")


def closed_order(shop) -> tuple[str, dict]:
    """The payer looks, and goes away; the channel closes it, and so do we. The draft is open."""
    packet = shop.draft()
    order = shop.pay(packet)
    PaymentOrder.objects.update(expire_time=timezone.now() - timedelta(hours=1))
    shop.paid(order, pay=False, notify=False)
    assert shop.control("close", {"pay_type": shop.word, "order_no": order["order_no"]})
    assert shop.chase(order, timezone.now() + timedelta(hours=1)) is State.CLOSED
    assert shop.order(order)["status"] == "closed"
    return packet, order


def test_paid_after_the_draft_has_closed(shop):
    packet, order = closed_order(shop)
    assert shop.report(order, status=409)["code"] == "order_closed"
    RedPacket.objects.update(draft_until=timezone.now())
    assert close_drafts() == 1
    assert shop.packet(packet)["headline"] == "未支付，已关闭"

    told = shop.paid(order, late=True, inside=True)

    assert told["notices"][0]["acknowledged"] is True
    assert shop.order(order)["status"] == "confirmed"
    assert shop.packet(packet)["state"] == "closed"
    assert the_case() == ("late_payment", "6.00", told["trade_no"])
    assert money(packet, shop.word) == ("0.00", "6.00", "6.00")
    assert issued_events() == []
    give_back(shop)
    assert money(packet, shop.word) == ("0.00", "0.00", "0.00")


def test_paid_after_its_order_has_closed_it_still_pays_the_draft(shop):
    packet, order = closed_order(shop)

    shop.paid(order, late=True, inside=True)

    assert shop.order(order)["status"] == "confirmed"
    assert shop.packet(packet)["pay_status"] == "paid"
    assert money(packet, shop.word) == ("6.00", "0.00", "6.00")
    assert not Case.objects.exists()


def long_open(packet: str) -> dict:
    """UnionPay knows no close: an order that timed out there."""
    opened = pay.by_channel(
        public_id=packet,
        caller=Caller("alice"),
        pay_type=PayType.UNIONPAY,
        scene=Scene.APP,
        payer_ip="127.0.0.1",
        now=timezone.now() - timedelta(seconds=settings.REDPACKET_PAY_S * 2),
    )
    return {"order_no": opened.order_no, "pay_params": opened.pay_params}


def test_it_never_arrives_and_then_it_does(shop):
    packet = shop.draft()
    order = long_open(packet) if shop.word == "unionpay" else shop.pay(packet)
    shop.paid(order, pay=False, notify=False)  # the payer looks, and goes away
    shop.report(order)
    for name in ("bob", "carol"):
        assert shop.grab(packet, name)["share"]["is_into_account"] is False
    first = shop.chase(order, chase_time(order))
    assert first is (State.UNKNOWN if shop.word == "unionpay" else State.PENDING)
    assert shop.order(order)["status"] == "reported"
    assert shop.chase(order, void_time() + timedelta(hours=1)) is State.CLOSED

    assert shop.order(order)["status"] == "unpaid"
    for name in ("alice", "bob", "carol"):
        page = shop.packet(packet, name)
        assert (page["state"], page["headline"], page["actions"]) == ("void", VOID, [])
    assert shop.packet(packet, "bob")["mine"]["is_into_account"] is False
    assert shop.phone("dave").get(f"packets/{packet}").status_code == 404
    assert shop.grab(packet, "dave")["code"] == "packet_closed"
    voided = events("packet.voided")
    assert [(event["user_id"], event["takers"]) for event in voided] == [
        ("alice", ["bob", "carol"])
    ]
    assert [shop.wallet(name) for name in ("bob", "carol")] == ["0.00", "0.00"]
    assert money(packet, shop.word) == ("0.00", "0.00", "0.00")

    told = shop.paid(order, late=True, inside=True)
    assert shop.order(order)["status"] == "confirmed"
    assert shop.packet(packet)["state"] == "void"
    assert the_case() == ("late_payment", "6.00", told["trade_no"])
    assert money(packet, shop.word) == ("0.00", "6.00", "6.00")
    assert [shop.wallet(name) for name in ("bob", "carol")] == ["0.00", "0.00"]
    assert events("share.credited") == []

    give_back(shop)
    assert money(packet, shop.word) == ("0.00", "0.00", "0.00")


def test_a_refused_refund_comes_back_to_suspense(shop):
    packet = shop.draft()
    order = shop.pay(packet)
    shop.paid(order, amount="5.99", inside=True)
    shop.control("settings", {"refund": "refused"})
    refund, checker = ChannelRefund.objects.get(), User.objects.create_user("checker")
    now = timezone.now()
    channel_refund.approve(refund_no=refund.refund_no, checker_id=checker.pk, now=now)
    assert money(packet, shop.word) == ("0.00", "0.00", "0.00")

    assert send_refund.send(refund_id=refund.pk, now=now) is RefundState.FAILED

    refund.refresh_from_db()
    assert refund.status == RefundStatus.FAILED
    assert money(packet, shop.word) == ("0.00", "5.99", "5.99")
    assert set(Case.objects.values_list("kind", flat=True)) == {"wrong_amount", "refund_failed"}


def test_the_maker_of_a_refund_is_not_its_checker(shops):
    shop = shops("alipay")
    shop.paid(shop.pay(shop.draft()), amount="5.99", inside=True)
    maker, now = User.objects.create_user("maker"), timezone.now()
    first = ChannelRefund.objects.get()
    channel_refund.reject(refund_no=first.refund_no, checker_id=maker.pk, now=now)
    refund = channel_refund.propose(
        case_id=first.case_id, amount=Decimal("5.99"), reason="again", maker_id=maker.pk, now=now
    )

    with pytest.raises(Forbidden):
        channel_refund.approve(refund_no=refund.refund_no, checker_id=maker.pk, now=now)
    assert money("", "alipay") == ("0.00", "5.99", "5.99")


def test_a_topup(shop):
    wish = {"money": "88.00", "pay_type": shop.word, "scene": "app"}
    order = shop.phone("alice").post("wallet/topups", wish).json()
    assert (order["purpose"], order["packet"], order["status"]) == ("topup", None, "created")
    told = shop.paid(order, lag_s=60, times=3)
    shop.report(order, told["result"] or None)
    assert shop.wallet("alice") == "0.00"

    shop.deliver()
    while any(one["waiting"] for one in shop.trade(order)["notices"]):
        shop.deliver()

    assert shop.order(order)["status"] == "confirmed"
    assert shop.wallet("alice") == "88.00"
    flow = shop.phone("alice").get("wallet/flow").json()["results"]
    assert [(line["kind"], line["money"], line["order"]) for line in flow] == [
        ("topup", "88.00", order["order_no"])
    ]
    assert [(event["order_no"], event["money"]) for event in events("topup.confirmed")] == [
        (order["order_no"], "88.00")
    ]
    assert money("", shop.word) == ("0.00", "0.00", "88.00")


def test_a_topup_that_nobody_pays_ends_quietly(shop):
    wish = {"money": "88.00", "pay_type": shop.word, "scene": "native"}
    order = shop.phone("alice").post("wallet/topups", wish).json()
    PaymentOrder.objects.update(expire_time=timezone.now() - timedelta(hours=1))
    shop.control("close", {"pay_type": shop.word, "order_no": order["order_no"]})
    asked = PaymentOrder.objects.get()

    chase.chase(order_id=asked.pk, now=timezone.now() + timedelta(hours=1))

    assert shop.order(order)["status"] == "closed"
    told = shop.paid(order, late=True, inside=True)  # paid after all: it is his own money
    assert shop.order(order)["trade_no"] == told["trade_no"]
    assert shop.wallet("alice") == "88.00"


FORGED = {
    "alipay": ["wrong_key", "unsigned", "set:total_amount=0.01", "drop:app_id", "double:app_id"],
    "wechat": ["wrong_key", "unsigned", "stale", "signtest", "wrong_serial", "wrong_aes"],
    "unionpay": ["wrong_key", "unsigned", "set:txnAmt=1", "drop:merId", "double:respCode"],
}


def test_forged_notifications_move_nothing(shop):
    packet = shop.draft()
    order = shop.pay(packet)
    shop.paid(order, pay=False, notify=False)

    for forgery in FORGED[shop.word]:
        told = shop.paid(order, pay=False, inside=True, forge=[forgery])
        assert told["notices"][-1]["acknowledged"] is False, forgery

    assert shop.order(order)["status"] == "created"
    assert shop.packet(packet)["pay_status"] == "unpaid"
    assert set(Notification.objects.values_list("outcome", flat=True)) == {"forged"}
    assert money(packet, shop.word) == ("0.00", "0.00", "0.00")
    assert PaymentOrder.objects.get().status == OrderStatus.CREATED
    told = shop.paid(order, inside=True)  # and the genuine one still does
    assert shop.order(order)["trade_no"] == told["trade_no"]
