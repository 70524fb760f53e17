"""Each face of a packet, as each of its viewers meets it."""

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from packets import freeze, profiles
from packets.models import RedPacket
from packets.states import Kind
from testing import make
from tests.h5.phones import Counter, answer, face, lose, said

PATH = "/h5/packet/{}"
OPEN = {"zh-Hans": "開红包", "en": "Open red packet"}


def at(packet: RedPacket) -> str:
    return PATH.format(packet.public_id)


def coin(page, language="zh-Hans"):
    return page.get_by_role("button", name=OPEN[language], exact=True)


def grab(packet: RedPacket, *users: str) -> None:
    for user in users:
        make.user(user).post(f"packets/{packet.public_id}/grab", key="")


def test_a_share_is_taken_shown_and_told(phone):
    packet = make.make_paid_packet()
    page = phone.open(at(packet), "u1", host={"init": {"version": 1, "capabilities": ["haptic"]}})
    face(page, "envelope")
    expect(page.get_by_role("heading", level=1)).to_have_text("alice的红包")

    coin(page).click()
    face(page, "luck")

    money = str(packet.shares.get(user_id="u1").money)
    expect(page.get_by_role("status")).to_have_text(f"你领到{money}元")
    expect(page.get_by_text("已存入钱包，可直接用于发红包")).to_be_visible()
    expect(page.get_by_role("list", name="领取详情")).to_contain_text(f"{money}元")
    assert page.evaluate("document.activeElement.tagName") == "H1"
    assert [one["data"] for one in said(page, "packet-opened")] == [
        {"packet": packet.public_id, "outcome": "grabbed", "money": money}
    ]
    assert said(page, "haptic")[0]["data"] == {"kind": "success"}


def test_two_taps_are_one_request_and_a_lost_answer_is_the_same_share(phone):
    packet = make.make_paid_packet()
    counters = []
    page = phone.open(
        at(packet), "u1", before=lambda page: counters.append(Counter(page, "/grab", lose))
    )
    face(page, "envelope")

    coin(page).evaluate("button => { button.click(); button.click(); }")
    expect(coin(page)).to_have_attribute("aria-busy", "true")
    face(page, "luck")

    share = packet.shares.get(user_id="u1")
    expect(page.get_by_text(f"{share.money}元").first).to_be_visible()
    expect(page.get_by_role("status")).to_have_text("你已领取过")
    assert len(counters[0].seen) == 2  # the one that was lost, and its repeat


def test_who_comes_too_late_is_told_so(phone):
    packet = make.make_paid_packet(number=1)
    page = phone.open(at(packet), "u1")
    face(page, "envelope")
    grab(packet, "u2")

    coin(page).click()
    face(page, "slow")

    expect(page.get_by_text("手慢了，红包派完了")).to_be_visible()
    page.get_by_role("link", name="查看领取详情").click()
    face(page, "luck")
    assert page.url.endswith("/details")
    page.go_back()
    face(page, "slow")


@pytest.mark.parametrize(
    ("status", "code", "says"),
    [
        (409, "not_issued", "红包还没付款"),
        (403, "wallet_frozen", "你的钱包已冻结"),
        (500, "odd", "出错了，编号 r-1"),
    ],
)
@pytest.mark.once
def test_a_refused_grab_leaves_the_envelope(phone, status, code, says):
    packet = make.make_paid_packet()
    page = phone.open(
        at(packet), "u1", before=lambda page: Counter(page, "/grab", answer(status, code))
    )
    face(page, "envelope")

    coin(page).click()

    expect(page.get_by_role("alert")).to_have_text(says)
    expect(coin(page)).to_be_focused()
    expect(coin(page)).not_to_have_attribute("aria-disabled", "true")


def test_frozen_takes_the_buttons_away(phone):
    packet = make.make_paid_packet()
    make.user("u2").post(f"packets/{packet.public_id}/grab", key="")
    freeze.freeze(public_id=packet.public_id, reason="test", now=timezone.now())
    page = phone.open(at(packet), "u2")
    face(page, "luck")

    if "is_frozen" in make.user("u2").get(f"packets/{packet.public_id}").json():
        expect(page.get_by_role("alert")).to_contain_text("该红包已被冻结，如有疑问请联系客服")
        assert page.get_by_role("link").count() == 0
        assert [one.inner_text() for one in page.get_by_role("button").all()] == ["关闭"]


def test_hostile_names_are_text(phone):
    make.make_group("alice", "u1")
    profiles.put(user_id="alice", nickname='<img src=x onerror="a()">"\'', avatar="")
    packet = make.make_paid_packet(Kind.EQUAL, 1, "1.00")
    page = phone.open(at(packet), "u1")
    face(page, "envelope")

    expect(page.get_by_role("heading", level=1)).to_have_text('<img src=x onerror="a()">"\'的红包')
    assert page.locator("img").count() == 0


@pytest.mark.once
@pytest.mark.parametrize("path", ["rp_short", "%E0%A4%A", "rp_aaaaaaaaaaaaaaaaaaaaaaaaaa"])
def test_what_is_not_there_is_missing(phone, path):
    counters = []
    page = phone.open(
        PATH.format(path), "u1", before=lambda page: counters.append(Counter(page, "/api/v1/"))
    )
    face(page, "missing")

    expect(page.get_by_role("heading")).to_have_text("红包不存在，或不是发给你的")
    assert len(counters[0].seen) == (1 if path.endswith("aaa") else 0)
