"""Put money in, confirm, pay: by the wallet and by channels, in a host and without one."""

import pytest
import requests
from playwright.sync_api import expect

from packets.models import RedPacket
from packets.states import Kind, PayStatus
from payments.models import PaymentOrder
from testing import make
from tests.h5.phones import Counter, answer, face, heard, lose, said

GROUP = "/h5/send?for=group&id=g1"
HOST = {"init": {"version": 1, "capabilities": ["pay", "close", "haptic"]}}


@pytest.fixture(autouse=True)
def group():
    make.make_group("alice", "u1", "u2", "u3")


def fill(page, number: str, money: str, kind: str | None = None) -> None:
    if kind:
        page.get_by_role("radio", name=kind).check()
    page.get_by_role("textbox", name="红包个数").fill(number)
    page.get_by_role("textbox", name="总金额" if kind is None else "单个金额").fill(money)


def put_in(page) -> None:
    """Pale or not: playwright alone would wait until it is not."""
    page.get_by_role("button", name="塞钱进红包").click(force=True)


def test_a_lucky_packet_by_wallet_is_sent_and_told_once(phone, channels):
    make.make_wallet("u1", "88.00")
    page = phone.open(GROUP, "u1", host={"init": {"version": 1, "capabilities": ["close"]}})
    face(page, "send")
    expect(page.get_by_text("本群共4人")).to_be_visible()
    fill(page, "3", "10")
    expect(page.get_by_role("status", name="应付")).to_have_text("¥10.00")

    put_in(page)
    face(page, "pay")
    page.get_by_role("button", name="支付 ¥10.00").click()
    face(page, "sent")

    packet = RedPacket.objects.get()
    assert packet.pay_status == PayStatus.PAID
    expect(page.get_by_role("heading")).to_have_text("红包已发出")
    assert [one["data"]["packet"] for one in said(page, "packet-sent")] == [packet.public_id]
    assert [one["data"] for one in said(page, "close")] == [{"reason": "sent"}]
    page.go_back()
    page.wait_for_timeout(100)
    assert "/h5/send" not in page.url


def test_back_keeps_what_was_typed_and_the_same_draft(phone, channels):
    make.make_wallet("u1", "88.00")
    page = phone.open(GROUP, "u1")
    face(page, "send")
    fill(page, "2", "1.50", "普通红包")
    page.get_by_role("textbox", name="祝福语").fill("<b>好运</b>")
    expect(page.get_by_role("status", name="应付")).to_have_text("¥3.00")
    put_in(page)
    face(page, "pay")
    page.get_by_role("button", name="取消").click()
    face(page, "send")

    assert page.get_by_role("textbox", name="祝福语").input_value() == "<b>好运</b>"
    put_in(page)
    face(page, "pay")
    assert RedPacket.objects.count() == 1
    page.get_by_role("button", name="取消").click()
    face(page, "send")
    page.get_by_role("textbox", name="单个金额").fill("2")
    put_in(page)
    face(page, "pay")
    assert RedPacket.objects.count() == 2


def test_limits_are_said_as_one_types(phone):
    page = phone.open(GROUP, "u1")
    face(page, "send")
    alert, number = page.get_by_role("alert"), page.get_by_role("textbox", name="红包个数")
    money = page.get_by_role("textbox", name="总金额")
    sent = Counter(page, "/api/v1/packets")

    put_in(page)
    expect(alert).to_have_text("请填写红包个数")
    expect(number).to_be_focused()
    for typed, says in (("1.5", "红包个数须为整数"), ("101", "红包个数不可超过100个"),
                        ("5", "红包个数不可超过群人数4")):  # fmt: skip
        number.fill(typed)
        expect(alert).to_have_text(says)
        expect(number).to_have_attribute("aria-invalid", "true")
    number.fill("0")
    put_in(page)
    expect(alert).to_have_text("请填写红包个数")
    number.fill("3")
    expect(alert).to_have_count(0)
    put_in(page)
    expect(alert).to_have_text("请填写金额")
    for typed, says in (
        ("1.234", "请输入金额，最多两位小数"),
        ("600.01", "单个红包金额不可超过200.00元"),
        ("0.02", "单个红包金额不可低于0.01元"),
    ):
        money.fill(typed)
        expect(alert).to_have_text(says)
        assert money.input_value() == typed
    money.fill("600")
    expect(alert).to_have_count(0)
    page.get_by_role("textbox", name="祝福语").fill("福" * 256)
    expect(alert).to_have_text("祝福语最多255字")
    put_in(page)
    assert sent.seen == []


@pytest.mark.parametrize(
    ("query", "says"),
    [("for=group&id=other", "群不存在，或你不在群里"), ("for=group", "链接不完整"),
     ("id=g1", "链接不完整"), ("for=user&id=a/b", "链接不完整")],
)  # fmt: skip
@pytest.mark.once
def test_a_link_that_leads_nowhere(phone, query, says):
    page = phone.open(f"/h5/send?{query}", "u1")
    face(page, "missing")

    expect(page.get_by_role("heading")).to_have_text(says)


@pytest.mark.once
def test_the_services_own_words_stand_at_the_field(phone):
    refusal = answer(400, "validation_error", errors={"total_money": ["金额太怪了"]})
    page = phone.open(GROUP, "u1", before=lambda page: Counter(page, "/api/v1/packets", refusal))
    face(page, "send")
    fill(page, "3", "10")
    put_in(page)

    expect(page.get_by_role("alert")).to_have_text("金额太怪了")
    money = page.get_by_role("textbox", name="总金额")
    expect(money).to_be_focused()
    assert money.get_attribute("aria-describedby") == page.get_by_role("alert").get_attribute("id")


def test_a_lost_payment_is_repeated_with_its_key_and_paid_once(phone):
    make.make_wallet("alice", "88.00")
    packet = make.make_packet()
    counters = []
    page = phone.open(
        f"/h5/pay/{packet.public_id}",
        "alice",
        before=lambda page: counters.append(Counter(page, f"{packet.public_id}/pay", lose, lose)),
    )
    counters[0].seen.clear()
    face(page, "pay")
    page.get_by_role("button", name="支付 ¥10.00").evaluate("b => { b.click(); b.click(); }")
    expect(page.get_by_role("status")).to_have_text("网络较慢，正在处理")
    face(page, "sent")

    posts = [key for method, key in counters[0].seen if method == "POST"]
    assert len(posts) == 3 and len(set(posts)) == 1
    assert make.user("alice").get("wallet").json()["balance"] == "78.00"


def test_too_little_in_the_wallet(phone, channels):
    make.make_wallet("alice", "10.00")
    packet = make.make_packet()
    page = phone.open(f"/h5/pay/{packet.public_id}", "alice")
    face(page, "pay")
    make.make_paid_packet(money="9.00", number=1)  # by another phone; that paid its own 9.00
    refusal = answer(409, "insufficient_balance")
    Counter(page, "/pay", refusal)
    page.route("**/api/v1/wallet", lambda route: route.fulfill(
        json={"balance": "1.00", "is_frozen": False}))  # fmt: skip

    page.get_by_role("button", name="支付 ¥10.00").click()

    expect(page.get_by_role("alert")).to_have_text("余额不足")
    expect(page.get_by_role("radio", name="钱包余额 ¥1.00")).to_be_disabled()
    expect(page.get_by_role("radio", name="支付宝")).to_be_checked()
    expect(page.get_by_role("link", name="充值")).to_be_visible()


@pytest.mark.parametrize(("status", "shown"), [("cancelled", "已取消支付"), ("failed", "支付失败")])
@pytest.mark.once
def test_a_host_that_did_not_pay(phone, channels, status, shown):
    packet = make.make_packet()
    page = phone.open(
        f"/h5/pay/{packet.public_id}", "alice", host=HOST | {"pay": {"status": status}}
    )
    face(page, "pay")
    page.get_by_role("radio", name="支付宝").check()
    page.get_by_role("button", name="支付 ¥10.00").click()

    expect(page.get_by_text(shown)).to_be_visible()
    asked = said(page, "pay")[0]["data"]
    assert (asked["packet"], asked["money"], asked["pay_type"]) == (
        packet.public_id, "10.00", "alipay",
    )  # fmt: skip
    assert "order_string" in asked["pay_params"]


@pytest.mark.once
def test_a_host_that_does_not_know_leaves_it_to_the_channel(phone, channels):
    packet = make.make_packet()
    host = HOST | {"pay": {"status": "unknown"}}
    page = phone.open(f"/h5/pay/{packet.public_id}", "alice", host=host)
    face(page, "pay")
    page.get_by_role("radio", name="支付宝").check()
    reports = Counter(page, "/report")
    page.get_by_role("button", name="支付 ¥10.00").click()
    face(page, "waiting")

    assert reports.seen == []  # nobody's word is taken for a payment


def pay_at_sandbox(served: str, **wish) -> dict:
    done = requests.post(f"{served}/sandbox/control/pay", json=wish, timeout=20)
    assert done.status_code == 200, done.text
    return done.json()


def test_a_host_that_paid_is_believed_by_its_signed_result(phone, channels, served):
    packet = make.make_packet()
    page = phone.open(f"/h5/pay/{packet.public_id}", "alice", host=HOST)
    face(page, "pay")
    page.get_by_role("radio", name="支付宝").check()
    page.get_by_role("button", name="支付 ¥10.00").click()
    asked = heard(page, "pay")
    told = {name: asked["data"][name] for name in ("pay_type", "pay_params")}
    paid = pay_at_sandbox(served, **told, notify=False)

    page.evaluate(
        "([id, data]) => tellPage('pay', data, {re: id})",
        [asked["id"], {"status": "success", "result": paid["result"]}],
    )
    face(page, "sent")

    assert said(page, "packet-sent")[0]["data"]["pay_status"] == "awaiting"
    packet.refresh_from_db()
    assert packet.pay_status == PayStatus.AWAITING


def test_without_a_host_the_channels_page_is_linked_and_watched(phone, channels, served):
    packet = make.make_packet()
    page = phone.open(f"/h5/pay/{packet.public_id}", "alice")
    face(page, "pay")
    page.get_by_role("radio", name="支付宝").check()
    page.get_by_role("button", name="支付 ¥10.00").click()
    face(page, "waiting")
    link = page.get_by_role("link", name="打开支付宝付款")
    assert link.get_attribute("target") == "_blank"
    assert link.get_attribute("rel") == "noopener noreferrer"
    assert link.get_attribute("href").startswith(f"{served}/sandbox/alipay/gateway.do?")

    order = PaymentOrder.objects.get()
    make.confirm(order, order.add_time)
    page.get_by_role("button", name="我已完成支付").click()
    face(page, "sent")

    packet.refresh_from_db()
    assert packet.pay_status == PayStatus.PAID


def test_an_order_that_is_over_says_so(phone, channels):
    packet = make.make_packet(Kind.PERSONAL, 1, "5.00", for_id="u1")
    wish = {"pay_type": "wechat", "scene": "h5"}
    assert make.user("alice").post(f"packets/{packet.public_id}/pay", wish).status_code == 200
    order = PaymentOrder.objects.get()
    make.end(order, order.add_time)
    page = phone.open(f"/h5/orders/{order.order_no}", "alice")
    face(page, "waiting")

    expect(page.get_by_role("alert")).to_have_text("订单已关闭，请重新支付")
    page.get_by_role("link", name="换一种方式").click()
    face(page, "pay")
    expect(page.get_by_text("发给u1")).to_be_visible()


@pytest.mark.once
def test_the_way_back_never_says_paid(phone):
    page = phone.open("/h5/back/hbaaaaaaaaaaaaaaaaaaaaaaaaaa?sign=x&out_trade_no=1", None)
    face(page, "back")

    expect(page.get_by_role("heading")).to_have_text("支付已提交")
    assert page.url.endswith("/h5/back/hbaaaaaaaaaaaaaaaaaaaaaaaaaa")


def test_a_top_up_is_credited_and_told(phone, channels):
    page = phone.open("/h5/wallet/topup", "u1", host={"init": {"version": 1, "capabilities": []}})
    face(page, "topup")
    money = page.get_by_role("textbox", name="金额")
    for typed in ("0", "5000.01"):
        money.fill(typed)
        expect(page.get_by_role("alert")).to_have_text("充值金额须在0.01到5000.00元之间")
    money.fill("50")
    page.get_by_role("button", name="充值 ¥50.00").click()
    face(page, "waiting")
    order = PaymentOrder.objects.get()
    make.confirm(order, order.add_time)
    face(page, "topped-up")

    expect(page.get_by_role("heading")).to_have_text("充值成功")
    assert [one["data"] for one in said(page, "topup-done")] == [
        {"order_no": order.order_no, "money": "50.00"}
    ]
    page.get_by_role("link", name="钱包").click()
    face(page, "wallet")
    expect(page.get_by_role("region", name="余额")).to_contain_text("¥50.00")
