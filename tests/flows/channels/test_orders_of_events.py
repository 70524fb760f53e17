"""Whatever comes first, the app's word or the channel's: everybody gets his money, once."""

import json
from collections import Counter

import pytest
from django.test import Client

from kit import pause
from packets.models import RedPacket
from packets.tasks import refund_expired
from payments.channels.base import State
from payments.models import Case, Notification
from tests.flows.channels.story import both_passes, chase_time, events, expire, money

LAGS_S = {"2 seconds": 2, "1 minute": 60}
A_DAY_AND_TWO_HOURS = 26 * 3600


def outcomes() -> Counter:
    return Counter(Notification.objects.values_list("outcome", flat=True))


@pytest.mark.parametrize("lag", LAGS_S)
def test_sync_then_async(shop, lag):
    packet = shop.draft()
    order = shop.pay(packet)
    assert shop.packet(packet)["state"] == "unpaid"
    assert shop.phone("bob").get(f"packets/{packet}").status_code == 404
    told = shop.paid(order, lag_s=LAGS_S[lag])

    assert shop.report(order, told["result"] or None)["status"] == "reported"
    before = shop.packet(packet)
    first = shop.grab(packet, "bob")
    waiting = shop.packet(packet, "bob")
    assert (before["state"], before["pay_status"], before["pay_type"]) == (
        "open",
        "awaiting",
        shop.word,
    )
    assert (first["outcome"], first["share"]["is_into_account"]) == ("grabbed", False)
    assert waiting["mine"]["is_into_account"] is False
    assert (shop.wallet("bob"), money(packet, shop.word)) == ("0.00", ("0.00", "0.00", "0.00"))
    assert shop.deliver() == 1
    assert both_passes(packet) == [(1, 1, "2.00"), (2, 0, "0.00")]

    after = shop.packet(packet, "bob")
    second = shop.grab(packet, "carol")
    confirmed = shop.order(order)
    assert (confirmed["status"], confirmed["trade_no"]) == ("confirmed", told["trade_no"])
    assert confirmed["pay_params"] is None
    assert (after["pay_status"], after["mine"]["is_into_account"]) == ("paid", True)
    assert after["pay_time"] == before["pay_time"]
    assert second["share"]["is_into_account"] is True
    assert [shop.wallet(name) for name in ("alice", "bob", "carol")] == ["0.00", "2.00", "2.00"]
    assert shop.phone("alice").get("wallet/flow").json()["results"] == []
    assert money(packet, shop.word) == ("2.00", "0.00", "6.00")
    assert [event["pay_status"] for event in events("packet.issued")] == ["awaiting"]
    credited = events("share.credited")
    assert [(event["user_id"], event["money"]) for event in credited] == [("bob", "2.00")]
    assert outcomes() == {"confirmed": 1}
    assert not Case.objects.exists()


def test_async_then_sync(shop):
    packet = shop.draft()
    order = shop.pay(packet)

    told = shop.paid(order, inside=True)  # notified before the payer's own app hears of it
    paid = shop.packet(packet)
    first = shop.grab(packet, "bob")
    reported = shop.report(order, told["result"] or None)

    assert told["notices"][0]["acknowledged"] is True
    assert (paid["state"], paid["pay_status"]) == ("open", "paid")
    assert first["share"]["is_into_account"] is True
    assert (reported["status"], reported["trade_no"]) == ("confirmed", told["trade_no"])
    assert shop.packet(packet)["pay_time"] == paid["pay_time"]
    assert both_passes(packet) == [(1, 0, "0.00"), (2, 0, "0.00")]
    assert shop.wallet("bob") == "2.00"
    assert money(packet, shop.word) == ("4.00", "0.00", "6.00")
    assert [event["pay_status"] for event in events("packet.issued")] == ["paid"]
    assert events("share.credited") == []


def test_async_only_to_one_person(shop):
    packet = shop.draft("personal", money="5.00")
    order = shop.pay(packet)

    shop.paid(order, inside=True)
    open_ = shop.packet(packet, "bob")
    shop.grab(packet, "bob")

    assert (open_["headline"], open_["actions"]) == ("给你发了一个红包", ["grab"])
    assert shop.packet(packet, "bob")["headline"] == "已存入钱包"
    assert shop.packet(packet)["headline"] == "1个红包共5.00元"
    assert shop.order(order)["status"] == "confirmed"
    assert both_passes(packet) == [(1, 0, "0.00"), (2, 0, "0.00")]
    assert (shop.wallet("bob"), money(packet, shop.word)) == ("5.00", ("0.00", "0.00", "5.00"))


def test_sync_only_is_chased(shop):
    packet = shop.draft("personal", money="5.00")
    order = shop.pay(packet)
    told = shop.paid(order, notify=False)
    shop.report(order, told["result"] or None)
    shop.grab(packet, "bob")
    assert shop.packet(packet, "bob")["headline"] == "等待到账"
    assert told["notices"] == []

    assert shop.chase(order, chase_time(order)) is State.PAID
    assert both_passes(packet) == [(1, 1, "5.00"), (2, 0, "0.00")]

    assert shop.packet(packet, "bob")["headline"] == "已存入钱包"
    assert shop.order(order)["trade_no"] == told["trade_no"]
    assert (shop.wallet("bob"), money(packet, shop.word)) == ("5.00", ("0.00", "0.00", "5.00"))
    assert [event["user_id"] for event in events("share.credited")] == ["bob"]
    assert outcomes() == {}


def test_async_after_the_packet_has_expired(shop):
    packet = shop.draft()
    order = shop.pay(packet)
    told = shop.paid(order, lag_s=A_DAY_AND_TWO_HOURS)
    shop.report(order, told["result"] or None)
    shop.grab(packet, "bob")
    expire(packet)
    refund_expired()
    waiting = shop.packet(packet)
    assert (waiting["state"], waiting["pay_status"]) == ("expired", "awaiting")
    assert waiting["return_money"] is None
    assert shop.grab(packet, "carol") == {"outcome": "expired", "share": None}
    assert shop.packet(packet, "bob")["mine"]["is_into_account"] is False

    assert shop.deliver() == 1
    assert both_passes(packet) == [(1, 1, "2.00"), (2, 0, "0.00")]
    refund_expired()

    after = shop.packet(packet)
    assert (after["state"], after["pay_status"], after["return_money"]) == (
        "expired",
        "paid",
        "4.00",
    )
    assert shop.packet(packet, "bob")["mine"]["is_into_account"] is True
    assert [shop.wallet(name) for name in ("alice", "bob")] == ["4.00", "2.00"]
    assert money(packet, shop.word) == ("0.00", "0.00", "6.00")
    assert [event["return_money"] for event in events("packet.expired")] == ["4.00"]


def test_async_in_the_middle_of_the_report(shop):
    """The channel's word comes between the two transactions of the app's."""
    packet = shop.draft()
    order = shop.pay(packet)
    told = shop.paid(order, lag_s=60)

    def notified_first():
        assert shop.deliver() == 1

    with pause.at("order: has announced the report", notified_first):
        reported = shop.report(order, told["result"] or None)

    assert shop.packet(packet)["pay_status"] == "paid"
    assert reported["status"] == "reported"  # what it was when it was announced
    assert shop.order(order)["status"] == "confirmed"
    assert [event["pay_status"] for event in events("packet.issued")] == ["paid"]
    assert both_passes(packet) == [(1, 0, "0.00"), (2, 0, "0.00")]
    assert money(packet, shop.word) == ("6.00", "0.00", "6.00")


def test_twenty_identical_at_once(shop):
    packet = shop.draft("personal", money="5.00")
    order = shop.pay(packet)
    told = shop.paid(order, lag_s=60, times=20)
    shop.report(order, told["result"] or None)
    shop.grab(packet, "bob")

    acknowledged = shop.deliver()
    while waiting := [one for one in shop.trade(order)["notices"] if one["waiting"]]:
        assert len(waiting) < 20  # an engine that serialises its writers may turn some away
        acknowledged += shop.deliver()

    assert acknowledged == 20
    heard = outcomes()
    assert (heard["confirmed"], heard["duplicate"]) == (1, 19)
    assert both_passes(packet) == [(1, 1, "5.00"), (2, 0, "0.00")]
    assert (shop.wallet("bob"), money(packet, shop.word)) == ("5.00", ("0.00", "0.00", "5.00"))
    assert not Case.objects.exists()


def test_an_older_word_that_comes_late_moves_nothing_back(shop):
    packet = shop.draft()
    order = shop.pay(packet)

    told = shop.paid(order, inside=True, out_of_order=True)

    assert [one["says"] for one in told["notices"]] == ["paid", "unpaid"]
    assert all(one["acknowledged"] for one in told["notices"])
    assert outcomes() == {"confirmed": 1, "noted": 1}
    assert shop.order(order)["status"] == "confirmed"
    assert RedPacket.objects.get().trade_no == told["trade_no"]
    assert money(packet, shop.word) == ("6.00", "0.00", "6.00")


@pytest.mark.parametrize("scene", ["h5", "native"])
def test_the_other_scenes(shop, scene):
    packet = shop.draft()
    order = shop.pay(packet, scene)
    told = shop.paid(order, lag_s=60)
    shop.report(order, told["result"] or None)

    assert shop.packet(packet)["pay_status"] == "awaiting"
    assert shop.deliver() == 1
    assert shop.packet(packet)["pay_status"] == "paid"
    assert money(packet, shop.word) == ("6.00", "0.00", "6.00")


@pytest.mark.parametrize("scene", ["app", "h5", "native"])
def test_the_cashier_opens_whatever_the_app_got(shop, scene):
    """Pasted as it is, alone or as the whole order, into the box of the sandbox's first page."""
    params = shop.pay(shop.draft(), scene)["pay_params"]

    for pasted in (params, {"order_no": "x", "pay_params": params}):
        answer = Client().post("/sandbox/open", {"pasted": json.dumps(pasted)})
        assert answer.status_code == 302, answer.content.decode()
        assert Client().get(answer.url).status_code == 200
