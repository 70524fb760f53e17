"""Paying where it is not plain: forms to post, ways that are shut, another device that was faster,
the way back from a channel."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from packets import close
from payments.models import PaymentOrder
from sandbox.management.commands.token import token
from testing import make
from tests.h5.phones import Counter, answer, face, said

pytestmark = pytest.mark.once  # what depends on the engine, test_packet, _send and _try ask of both

HOST = {"init": {"version": 1, "capabilities": []}}
PAY = "支付 ¥10.00"


def draft_page(phone, before=None, **more):
    packet = make.make_packet()
    page = phone.open(f"/h5/pay/{packet.public_id}", "alice", before=before, **more)
    face(page, "pay")
    return packet, page


def test_unionpays_form_is_posted_to_a_window_of_its_own(phone, channels, served):
    _, page = draft_page(phone)
    page.get_by_role("radio", name="银联").check()
    page.get_by_role("button", name=PAY).click()
    face(page, "waiting")
    assert page.get_by_role("link", name="打开银联付款").count() == 0

    with page.context.expect_page() as opened:
        page.get_by_role("button", name="打开银联付款").click()
    cashier = opened.value
    cashier.wait_for_load_state()

    assert cashier.url.startswith(f"{served}/sandbox/")
    assert cashier.evaluate("window.opener") is None
    expect(cashier.get_by_text("10.00").first).to_be_visible()
    assert page.locator("form").count() == 0
    face(page, "waiting")


def test_what_another_device_has_paid_is_sent_and_not_told(phone, channels):
    make.make_wallet("alice", "88.00")
    packet, page = draft_page(phone, host=HOST)
    paid = make.user("alice").post(f"packets/{packet.public_id}/pay", {"pay_type": "balance"})
    assert paid.status_code == 200
    page.get_by_role("button", name=PAY).click()
    face(page, "sent")

    assert said(page, "packet-sent") == [] and said(page, "close") == []


def test_a_way_that_is_shut_says_so_and_another_is_taken(phone, channels):
    _, page = draft_page(phone)
    page.get_by_role("radio", name="支付宝").check()
    Counter(page, "/pay", answer(409, "channel_unavailable_for_purpose"))
    page.get_by_role("button", name=PAY).click()

    expect(page.get_by_role("alert")).to_have_text("这种支付方式暂不可用")
    expect(page.get_by_role("radio", name="支付宝")).to_be_disabled()
    expect(page.get_by_role("radio", name="微信支付")).to_be_checked()
    page.get_by_role("button", name=PAY).click()
    face(page, "waiting")


def test_what_is_sent_stays_sent_whatever_wakes_the_page(phone):
    make.make_wallet("alice", "88.00")
    _, page = draft_page(phone, host=HOST)
    page.get_by_role("button", name=PAY).click()
    face(page, "sent")
    expect(page.get_by_role("heading", level=1)).to_be_focused()

    asked = Counter(page, "/api/v1/")
    for event in ("tellPage('refresh', {})", "tellPage('lang', {lang: 'en'})",
                  "document.dispatchEvent(new Event('visibilitychange'))"):  # fmt: skip
        page.evaluate(event)
    expect(page.get_by_role("heading", level=1)).to_have_text("Sent")
    face(page, "sent")
    assert asked.seen == []


def test_back_from_a_channel_with_a_token_waits_for_the_money(phone, channels):
    packet = make.make_packet()
    wish = {"pay_type": "wechat", "scene": "h5"}
    made = make.user("alice").post(f"packets/{packet.public_id}/pay", wish).json()["order"]
    page = phone.open(f"/h5/back/{made['order_no']}?some=1&sign=x", "alice")
    face(page, "waiting")

    expect(page.get_by_role("heading", level=1)).to_have_text("等待支付结果")
    assert page.url.endswith(made["order_no"])
    order = PaymentOrder.objects.get(order_no=made["order_no"])
    assert order.reported_at is None  # nobody has said so but the address
    make.confirm(order, order.add_time)
    page.get_by_role("button", name="我已完成支付").click()
    face(page, "sent")


def test_a_draft_that_was_closed_meanwhile_says_so(phone):
    make.make_wallet("alice", "88.00")
    packet, page = draft_page(phone)
    close.close(packet=packet, now=timezone.now() + timedelta(days=2))
    page.get_by_role("button", name=PAY).click()
    face(page, "closed")

    expect(page.get_by_text("未支付，已关闭")).to_be_visible()
    expect(page.get_by_role("link", name="再发一个")).to_be_visible()


def test_a_still_page_asks_for_the_next_token_before_its_own_ends(phone):
    make.make_group("alice", "u1")
    host = {"init": {"version": 1, "capabilities": []}, "token": {"token": token("u1", 900)}}
    page = phone.open("/h5/send?for=group&id=g1", "u1", host=host, ttl=60,
                      before=lambda page: page.clock.install())  # fmt: skip
    face(page, "send")
    page.clock.run_for(20_000)
    assert said(page, "token") == []
    page.clock.run_for(12_000)

    assert [one["data"] for one in said(page, "token")] == [{"reason": "expiring"}]
    page.clock.run_for(100_000)
    assert len(said(page, "token")) == 1
