"""Offline, silent, busy, too fast: what is said and repeated, and that nothing is done twice."""

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from packets import settle
from testing import make
from tests.h5.phones import Counter, answer, face

pytestmark = pytest.mark.once  # what depends on the engine, test_packet, _send and _try ask of both

GRAB = "開红包"


def abort(route) -> None:
    route.abort()


def packet_page(phone, *first, part: str = "/grab", user: str = "u1"):
    packet = make.make_paid_packet()
    counters = []
    page = phone.open(
        f"/h5/packet/{packet.public_id}", user,
        before=lambda page: counters.append(Counter(page, part, *first)),
    )  # fmt: skip
    return packet, page, counters[0]


def test_a_grab_that_nobody_answers_goes_out_three_times_and_then_by_hand(phone):
    packet, page, counter = packet_page(phone, abort, abort, abort)
    face(page, "envelope")
    page.get_by_role("button", name=GRAB).click()

    expect(page.get_by_role("status")).to_have_text("网络较慢，正在处理")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("网络不给力")
    expect(alert).to_contain_text("再点一次不会重复领取")
    assert len(counter.seen) == 3
    page.get_by_role("button", name=GRAB).click()
    face(page, "luck")
    assert packet.shares.filter(user_id="u1").count() == 1


def test_too_fast_waits_for_as_long_as_it_is_told_and_goes_on_by_itself(phone):
    _, page, counter = packet_page(phone, answer(429, "throttled", 1))
    face(page, "envelope")
    page.get_by_role("button", name=GRAB).click()

    expect(page.get_by_role("alert")).to_contain_text("操作太快了，请稍候")
    face(page, "luck")
    assert len(counter.seen) == 2


def test_a_busy_service_is_asked_again_and_then_by_hand(phone):
    busy = [answer(503, "unavailable", 0)] * 4
    _, page, counter = packet_page(phone, *busy, part="/api/v1/packets")
    face(page, "error")

    assert page.locator("main").get_attribute("data-code") == "unavailable"
    expect(page.get_by_role("alert")).to_have_text("服务繁忙，请稍后再试")
    assert len(counter.seen) == 4
    page.get_by_role("button", name="重试").click()
    face(page, "envelope")


def test_offline_says_so_and_goes_on_by_itself(phone):
    packet, page, _ = packet_page(phone)
    face(page, "envelope")
    page.context.set_offline(True)
    page.get_by_role("button", name=GRAB).click()
    expect(page.get_by_role("alert").filter(has_text="网络已断开").first).to_be_visible()

    page.context.set_offline(False)
    face(page, "luck")

    assert page.get_by_text("网络已断开").count() == 0
    assert packet.shares.filter(user_id="u1").count() == 1


def test_a_read_that_fails_after_a_grab_keeps_what_was_got(phone):
    packet, page, _ = packet_page(phone)
    face(page, "envelope")
    page.route(
        lambda url: url.endswith(packet.public_id) and "/api/" in url, lambda route: route.abort()
    )
    page.get_by_role("button", name=GRAB).click()
    face(page, "luck")

    money = packet.shares.get(user_id="u1").money
    expect(page.get_by_text(f"{money}元").first).to_be_visible()
    expect(page.get_by_role("alert")).to_have_text("网络不给力")
    page.unroute_all()
    page.get_by_role("button", name="重试").click()
    expect(page.get_by_role("list", name="领取详情")).to_be_visible()
    assert page.get_by_role("alert").count() == 0


def test_two_phones_and_one_share(phone):
    packet = make.make_paid_packet(number=1)
    pages = [phone.open(f"/h5/packet/{packet.public_id}", user) for user in ("u1", "u2")]
    for page in pages:
        face(page, "envelope")
    for page in pages:
        page.get_by_role("button", name=GRAB).evaluate("button => button.click()")
    for page in pages:
        page.wait_for_selector('main:is([data-face="luck"], [data-face="slow"])')

    faces = sorted(page.locator("main").get_attribute("data-face") for page in pages)
    assert faces == ["luck", "slow"]


def test_an_unknown_error_has_its_number(phone):
    odd = answer(500, "odd")
    _, page, _ = packet_page(phone, odd, part="/api/v1/packets")
    face(page, "error")

    expect(page.get_by_role("alert")).to_have_text("出错了，编号 r-1")
    assert page.locator("main").get_attribute("data-code") == "odd"
    page.get_by_role("button", name="重试").click()
    face(page, "envelope")


def test_awaiting_turns_into_credited_without_a_reload(phone):
    packet, order = make.make_reported_packet()
    make.user("u1").post(f"packets/{packet.public_id}/grab", key="")
    page = phone.open(f"/h5/packet/{packet.public_id}", "u1")
    face(page, "luck")
    expect(page.get_by_text("等待到账")).to_be_visible()
    link = page.get_by_role("link", name="红包记录")
    link.focus()

    make.confirm(order, order.add_time)
    settle.settle_packet(rp_id=packet.pk, now=timezone.now())

    expect(page.get_by_role("status")).to_have_text("已存入钱包，可直接用于发红包")
    assert page.get_by_text("等待到账").count() == 0
    expect(link).to_be_focused()


def test_awaiting_turns_into_void_without_a_reload(phone):
    packet, order = make.make_reported_packet()
    make.user("u1").post(f"packets/{packet.public_id}/grab", key="")
    page = phone.open(f"/h5/packet/{packet.public_id}", "u1", language="en")
    face(page, "luck")
    expect(page.get_by_text("On its way to your wallet")).to_be_visible()

    make.end(order, order.add_time)

    expect(page.get_by_role("status")).to_have_text(
        "The payment never arrived, nothing was credited"
    )
