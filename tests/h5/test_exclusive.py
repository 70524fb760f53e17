"""专属红包: one sends it to some members, they open it, the others see whom it is for."""

import pytest
from playwright.sync_api import expect

from packets import profiles
from packets.models import RedPacket
from packets.states import Kind
from testing import make
from tests.h5.phones import face, faults

pytestmark = pytest.mark.once  # what depends on the engine, test_packet, _send and _try ask of both

MEMBERS = [{"user_id": "u1", "name": "小宝"}, {"user_id": "u2", "name": "<b>大卫</b>"}]


def test_members_that_the_host_names_are_chosen(phone, channels):
    make.make_group("alice", "u1", "u2", "u3")
    init = {"version": 1, "capabilities": [], "group": {"name": "家", "members": MEMBERS}}
    page = phone.open("/h5/send?for=group&id=g1", "alice", host={"init": init})
    face(page, "send")
    page.get_by_role("radio", name="专属红包").check()
    page.get_by_role("textbox", name="单个金额").fill("2.50")
    page.get_by_role("button", name="塞钱进红包").click(force=True)
    expect(page.get_by_role("alert")).to_have_text("请选择1到10个人")

    people = page.get_by_role("group", name="发给谁")
    people.get_by_role("checkbox", name="小宝").check()
    people.get_by_role("checkbox", name="<b>大卫</b>").check()
    expect(page.get_by_role("status", name="应付")).to_have_text("¥5.00")
    assert faults(page) == []
    page.get_by_role("button", name="塞钱进红包").click()
    face(page, "pay")

    packet = RedPacket.objects.get()
    assert packet.type == Kind.EXCLUSIVE
    assert sorted(share.for_user for share in packet.shares.all()) == ["u1", "u2"]


def test_without_members_ids_are_added_one_at_a_time(phone):
    make.make_group("alice", "u1", "u2")
    page = phone.open("/h5/send?for=group&id=g1", "alice")
    face(page, "send")
    page.get_by_role("radio", name="专属红包").check()
    for user in ("u1", "stranger"):
        page.get_by_role("textbox", name="用户编号").fill(user)
        page.keyboard.press("Enter")
    page.get_by_role("textbox", name="单个金额").fill("1")
    page.get_by_role("button", name="塞钱进红包").click()

    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_role("checkbox", name="stranger").uncheck()
    page.get_by_role("button", name="塞钱进红包").click()
    face(page, "pay")


def test_its_people_open_it_and_the_others_see_whom_it_is_for(phone):
    make.make_group("alice", "u1", "u2", "u3")
    profiles.put(user_id="u1", nickname="小宝", avatar="")
    packet = make.make_paid_packet(Kind.EXCLUSIVE, 2, "2.50")
    other = phone.open(f"/h5/packet/{packet.public_id}", "u3")
    face(other, "luck")
    expect(other.get_by_text("这是给小宝、u2的专属红包")).to_be_visible()

    page = phone.open(f"/h5/packet/{packet.public_id}", "u1")
    face(page, "envelope")
    expect(page.get_by_text("给你发了一个红包")).to_be_visible()
    page.get_by_role("button", name="開红包").click()
    face(page, "luck")
    expect(page.get_by_role("status")).to_have_text("你领到2.50元")

    other.evaluate("hongbao.receive(JSON.stringify({hongbao: 1, type: 'refresh', data: {}}))")
    expect(other.get_by_role("list", name="领取详情")).to_contain_text("小宝")
    assert "2.50" not in other.content() and "null" not in other.inner_text("main")
    assert faults(other) == []
    sender = phone.open(f"/h5/packet/{packet.public_id}", "alice")
    face(sender, "luck")
    expect(sender.get_by_role("list", name="领取详情")).to_contain_text("2.50元")
