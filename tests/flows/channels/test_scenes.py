"""Another scene of an order, and answers that go wrong, at channels as they are."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from payments.models import Case, PaymentOrder
from payments.states import OrderStatus
from sandbox.models import SandboxTrade
from tests.flows.channels.story import Shop, money

ONE_SCENE = ("wechat-pubkey", "wechat-cert", "unionpay")


def asked_again(shop: Shop, packet: str, scene: str, status: int = 200) -> dict:
    wish = {"pay_type": shop.word, "scene": scene}
    answer = shop.phone("alice").post(f"packets/{packet}/pay", wish)
    assert answer.status_code == status, answer.content
    return answer.json()


def trouble(shop: Shop, call: str, how: str, times: int = 1) -> None:
    plan = {"pay_type": shop.word, "call": call, "how": how, "times": times}
    shop.control("trouble", plan)


def due(order: dict) -> datetime:
    """When the channel is asked next."""
    return PaymentOrder.objects.get(order_no=order["order_no"]).chase_at


# --- Scenes
@pytest.mark.parametrize("flavour", ONE_SCENE)
@pytest.mark.parametrize("first_paid", [0, 1])
def test_both_scenes_are_paid(shops, flavour, first_paid):
    """Whichever is paid first pays the packet; the other one's money waits with a case."""
    shop = shops(flavour)
    packet = shop.draft()
    orders = [shop.pay(packet, "app"), shop.pay(packet, "native")]
    assert orders[0]["order_no"] != orders[1]["order_no"]
    assert set(SandboxTrade.objects.values_list("order_no", flat=True)) == {
        order["order_no"] for order in orders
    }

    shop.paid(orders[first_paid], inside=True)
    second = shop.paid(orders[1 - first_paid], inside=True)

    assert [shop.order(order)["status"] for order in orders] == ["confirmed"] * 2
    assert shop.packet(packet)["pay_status"] == "paid"
    case = Case.objects.get()
    assert (case.kind, case.trade_no) == ("second_payment", second["trade_no"])
    assert money(packet, shop.word) == ("6.00", "6.00", "12.00")


@pytest.mark.parametrize("flavour", ["wechat-pubkey", "unionpay"])
def test_the_first_scenes_order_is_closed_like_a_superseded_one(shops, flavour):
    shop = shops(flavour)
    packet = shop.draft()
    first, second = shop.pay(packet, "app"), shop.pay(packet, "h5")

    shop.chase(first, timezone.now())

    closed = flavour != "unionpay"  # which has no close, only a time-out
    assert shop.trade(first)["state"] == ("closed" if closed else "open")
    assert shop.order(first)["status"] == ("closed" if closed else "created")
    assert shop.order(second)["status"] == "created"
    assert asked_again(shop, packet, "h5")["order"]["order_no"] == second["order_no"]


NEEDS = {
    "alipay": {"app": {"order_string"}, "h5": {"url"}, "native": {"qr_code"}},
    "wechat-pubkey": {
        "app": {"appid", "partnerid", "prepayid", "package", "noncestr", "timestamp", "sign"},
        "h5": {"h5_url"},
        "native": {"code_url"},
    },
    "unionpay": {"app": {"tn"}, "h5": {"url", "fields"}, "native": {"qr_code"}},
}


@pytest.mark.parametrize("flavour", NEEDS)
def test_each_scene_gets_what_the_contract_names(shops, flavour):
    shop = shops(flavour)
    for scene, names in NEEDS[flavour].items():
        order = shop.pay(shop.draft(), scene)
        assert set(order["pay_params"]) == names
        if "fields" in names:
            made = datetime.fromisoformat(order["add_time"]).astimezone(ZoneInfo("Asia/Shanghai"))
            assert order["pay_params"]["fields"]["txnTime"] == made.strftime("%Y%m%d%H%M%S")


def test_alipay_keeps_one_order_for_every_scene(shops):
    shop = shops("alipay")
    packet = shop.draft()
    orders = [shop.pay(packet, scene) for scene in ("app", "h5", "native")]

    assert len({order["order_no"] for order in orders}) == 1
    assert [set(order["pay_params"]) for order in orders] == [
        {"order_string"},
        {"url"},
        {"qr_code"},
    ]
    shop.paid(orders[2], inside=True)
    assert shop.order(orders[0])["status"] == "confirmed"


def test_wechats_page_is_fetched_anew_and_pays_the_same_order(shops):
    shop = shops("wechat-pubkey")
    packet = shop.draft()
    first, again = shop.pay(packet, "h5"), shop.pay(packet, "h5")

    assert first["order_no"] == again["order_no"]
    shop.paid(again, inside=True)
    assert shop.order(first)["status"] == "confirmed"
    assert money(packet, shop.word) == ("6.00", "0.00", "6.00")


def test_a_number_whose_words_have_changed_is_replaced(shops, settings):
    """WeChat Pay compares everything: here the address of notifications, as after a move."""
    shop = shops("wechat-pubkey")
    packet = shop.draft()
    first = shop.pay(packet, "h5")
    settings.REDPACKET_PUBLIC_URL = shop.base.replace("127.0.0.1", "localhost")

    second = shop.pay(packet, "h5")

    assert second["order_no"] != first["order_no"]


# --- Answers that go wrong
@pytest.mark.parametrize(("flavour", "same"), [("wechat-pubkey", True), ("unionpay", False)])
def test_an_order_whose_answer_was_lost_is_given_at_the_next_wish(shops, flavour, same):
    """WeChat Pay gives it again; to UnionPay the repeat is a double, so another one is made."""
    shop = shops(flavour)
    packet = shop.draft()
    trouble(shop, "create", "lost")

    assert asked_again(shop, packet, "app", 503)["code"] == "unavailable"
    lost = PaymentOrder.objects.get()
    order = asked_again(shop, packet, "app")["order"]

    assert (order["order_no"] == lost.order_no) is same
    shop.paid(order, inside=True)
    assert shop.order(order)["status"] == "confirmed"
    assert money(packet, shop.word) == ("6.00", "0.00", "6.00")


def test_a_probe_in_an_answer_is_asked_again(shops):
    shop = shops("wechat-pubkey")
    packet = shop.draft()
    trouble(shop, "create", "signtest")

    order = shop.pay(packet)

    assert shop.control("trouble", {"forget": True})["waiting"] == []
    assert SandboxTrade.objects.get().order_no == order["order_no"]


def paid_and_reported(shop) -> dict:
    """An order of which the channel has told nobody."""
    order = shop.pay(shop.draft())
    shop.paid(order, notify=False)
    shop.report(order)
    return order


def asked(shop, order: str) -> str:
    """What it is once the channel has been asked when it was due."""
    shop.chase(order, due(order))
    return shop.order(order)["status"]


@pytest.mark.parametrize("how", ["401", "lost", "down", "wrong_key"])
def test_grumbling_at_a_question_ends_nothing(shop, how):
    order = paid_and_reported(shop)
    trouble(shop, "query", how, times=2)

    assert asked(shop, order) == "reported"
    shop.control("trouble", {"forget": True})
    assert asked(shop, order) == "confirmed"


@pytest.mark.parametrize("flavour", ["wechat-pubkey", "alipay"])
def test_a_refusal_of_an_order_is_a_409_and_the_next_wish_may_succeed(shops, flavour):
    shop = shops(flavour)
    packet = shop.draft()
    trouble(shop, "create", "RULE_LIMIT" if shop.word == "wechat" else "ACQ.BUYER_SELLER_EQUAL")

    refused = asked_again(shop, packet, "native", 409)
    assert refused["code"] == "channel_unavailable_for_purpose"
    assert PaymentOrder.objects.get().status == OrderStatus.FAILED
    assert asked_again(shop, packet, "native")["order"]["status"] == "created"


@pytest.mark.parametrize("scene", ["app", "native"])
def test_alipay_speaks_gbk_throughout(shops, scene):
    shop = shops("alipay")
    shop.control("settings", {"charset": "gbk"})
    packet = shop.draft()
    order = shop.pay(packet, scene)

    told = shop.paid(order, inside=True)

    assert told["notices"][0]["acknowledged"] is True
    assert shop.order(order)["status"] == "confirmed"
    assert money(packet, "alipay") == ("6.00", "0.00", "6.00")


def test_a_question_is_answered_in_gbk(shops):
    shop = shops("alipay")
    order = paid_and_reported(shop)
    trouble(shop, "query", "gbk")

    assert asked(shop, order) == "confirmed"


# --- What was turned back
@pytest.mark.parametrize("flavour", ["wechat-pubkey", "alipay"])
def test_a_payment_that_a_close_turned_back_is_not_notified(shops, flavour):
    shop = shops(flavour)
    packet = shop.draft()
    order = shop.pay(packet)
    shop.paid(order, arrives_s=60)

    assert shop.deliver() == 0  # on its way, nobody is told
    named = {"pay_type": shop.word, "order_no": order["order_no"]}
    closed = shop.control("close", named)

    assert shop.deliver() == 0
    assert [notice["waiting"] for notice in closed["notices"]] == [False]
    assert shop.order(order)["status"] == "created"
    assert money(packet, shop.word) == ("0.00", "0.00", "0.00")
