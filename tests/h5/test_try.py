"""/try/: three phones on a desk, and what happens between them."""

import re

import pytest
from playwright.sync_api import expect

from packets import finish
from packets.models import RedPacket
from tests.h5.phones import faults, overflow


@pytest.fixture(autouse=True)
def a_folder_of_its_own(settings, tmp_path):
    settings.DATA_DIR = tmp_path  # another test's crowd is another machine's


WORDS = {
    "zh-Hans": {
        "title": "试一试",
        "phone": "手机：{}",
        "send": "发红包",
        "page": "红包页面",
        "many": "红包个数",
        "total": "总金额",
        "put": "塞钱进红包",
        "pay": "支付 ¥5.00",
        "bubble": "小爱的红包，恭喜发财，大吉大利，{}",
        "unopened": "未领取",
        "opened": "已领取",
        "open": "開红包",
        "back": "返回聊天",
        "took": "你领取了小爱的红包",
        "yours": "阿宝领取了你的红包",
        "chat": "聊天记录",
        "crowd": "来一群人",
        "raced": r"100人：4人抢到，96人手慢了，\d+(\.\d)?秒",
        "last": re.compile("领取了你的红包，你的红包已被领完"),
        "later": "24小时后",
        "refund": "红包退款到账 ¥5.00",
        "over": "重新开始",
        "add": "添一部手机",
        "to_one": "给一个人",
        "cancel": "取消",
        "wallet": "钱包",
    },
    "en": {
        "title": "Try it",
        "phone": "Phone: {}",
        "send": "Red packet",
        "page": "Red packet page",
        "many": "How many",
        "total": "Total amount",
        "put": "Put money in",
        "pay": "Pay ¥5.00",
        "bubble": "Red packet from 小爱, 恭喜发财，大吉大利, {}",
        "unopened": "unopened",
        "opened": "opened",
        "open": "Open red packet",
        "back": "Back to chat",
        "took": "You opened 小爱's red packet",
        "yours": "阿宝 opened your red packet",
        "chat": "Chat",
        "crowd": "Send the crowd",
        "raced": r"100 bots: 4 got one, 96 too late, \d+(\.\d)? s",
        "last": re.compile("opened your red packet, and now it is all gone"),
        "later": "24 hours later",
        "refund": "Red packet refund ¥5.00",
        "over": "Start over",
        "add": "Add a phone",
        "to_one": "To one person",
        "cancel": "Cancel",
        "wallet": "Wallet",
    },
}


def at(page, words, name):
    """The phone of one of them."""
    return page.frame_locator(f'iframe[title="{words["phone"].format(name)}"]')


def inside(phone, words):
    return phone.frame_locator(f'iframe[title="{words["page"]}"]')


def button(where, name):
    return where.get_by_role("button", name=name, exact=True)


def send(page, words, number="5"):
    """From 小爱's phone, 5.00 yuan out of her wallet."""
    sender = at(page, words, "小爱")
    button(sender, words["send"]).click()
    form = inside(sender, words)
    form.get_by_role("textbox", name=words["many"]).fill(number)
    form.get_by_role("textbox", name=words["total"]).fill("5")
    button(form, words["put"]).click()
    button(form, words["pay"]).click()
    expect(sender.get_by_role("dialog")).to_have_count(0)
    return sender


@pytest.mark.parametrize("language", ["zh-Hans", "en"])
def test_a_packet_flies_between_phones_and_a_crowd_takes_the_rest(phone, language):
    words = WORDS[language]
    page = phone.open("/try/", None, language=language, width=1440)
    expect(page.get_by_role("heading", level=1)).to_have_text(words["title"])
    expect(page.locator("iframe.phone")).to_have_count(3)

    sender = send(page, words)
    taker = at(page, words, "阿宝")
    button(taker, words["bubble"].format(words["unopened"])).click()
    button(inside(taker, words), words["open"]).click()
    expect(inside(taker, words).locator('main[data-face="luck"]')).to_be_visible()
    button(taker, words["back"]).click()

    expect(button(taker, words["bubble"].format(words["opened"]))).to_be_visible()
    chat = taker.get_by_role("log", name=words["chat"], exact=True)
    expect(chat.get_by_text(words["took"], exact=True)).to_be_visible()
    expect(sender.get_by_text(words["yours"], exact=True)).to_be_visible()

    button(page, words["crowd"]).click()
    expect(page.get_by_role("status")).to_have_text(re.compile(words["raced"]), timeout=60_000)
    finish.finish(rp_id=RedPacket.objects.get().pk)  # as beat does, where no taker saw the end
    expect(sender.get_by_text(words["last"])).to_be_visible()

    send(page, words)
    expect(button(sender, words["bubble"].format(words["unopened"]))).to_be_visible()
    button(page, words["later"]).click()
    expect(sender.get_by_text(words["refund"], exact=True)).to_be_visible()
    assert phone.watch.errors == [] and phone.watch.left == []
    assert page.context.cookies() == []


@pytest.mark.once
@pytest.mark.parametrize("language", ["zh-Hans", "en"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_desk_and_phones_are_for_everybody(phone, language, theme):
    words = WORDS[language]
    page = phone.open("/try/", None, language=language, theme=theme)
    send(page, words)
    sender = at(page, words, "小爱")
    expect(button(sender, words["bubble"].format(words["unopened"]))).to_be_visible()

    assert overflow(page) <= 0
    assert faults(page) == []
    frame = next(one for one in page.frames if one.url.endswith("/try/phone"))
    assert faults(frame) == []
    for opens, closes in ((words["to_one"], words["cancel"]), (words["wallet"], words["back"])):
        button(sender, opens).click()
        expect(sender.get_by_role("dialog")).to_be_visible()
        assert faults(frame) == [], opens
        button(sender.get_by_role("dialog"), closes).click()
        expect(sender.get_by_role("dialog")).to_have_count(0)


@pytest.mark.once
def test_phones_are_added_and_all_begins_anew(phone):
    words = WORDS["zh-Hans"]
    page = phone.open("/try/", None, width=1440)
    sender = send(page, words)
    for _ in range(3):
        button(page, words["add"]).click()

    expect(page.locator("iframe.phone")).to_have_count(6)
    expect(page.get_by_role("button", name=words["add"])).to_have_count(0)
    seen = words["bubble"].format(words["unopened"])
    expect(button(at(page, words, "Frank"), seen)).to_be_visible()
    button(sender, "给一个人").click()
    button(sender.get_by_role("dialog", name="给一个人"), "艾琳").click()
    form = inside(sender, words)
    form.get_by_role("textbox", name="金额", exact=True).fill("2")
    button(form, words["put"]).click()
    button(form, "支付 ¥2.00").click()
    expect(button(at(page, words, "艾琳"), seen)).to_have_count(2)
    expect(button(at(page, words, "Frank"), seen)).to_have_count(1)

    button(page, words["over"]).click()
    expect(page.locator("iframe.phone")).to_have_count(3)
    expect(button(at(page, words, "小爱"), words["send"])).to_be_visible()
    expect(button(at(page, words, "小爱"), seen)).to_have_count(0)


@pytest.mark.once
def test_language_theme_and_size_reach_every_phone(phone):
    page = phone.open("/try/", None, width=1440)
    opened = at(page, WORDS["zh-Hans"], "小爱")
    button(opened, "钱包").click()
    inner = opened.frame_locator("iframe")
    expect(inner.get_by_role("heading", level=1)).to_have_text("钱包")

    page.get_by_label("语言").select_option("en")
    page.get_by_label("Theme").select_option("dark")
    page.get_by_label("Text size").select_option("200")

    opened = at(page, WORDS["en"], "小爱")
    expect(inside(opened, WORDS["en"]).get_by_role("heading", level=1)).to_have_text("Wallet")
    for where in (opened, inside(opened, WORDS["en"])):
        expect(where.locator("html")).to_have_attribute("data-theme", "dark")
        expect(where.locator("html")).to_have_css("font-size", "32px")
    opened.locator("body").press("Escape")
    expect(opened.get_by_role("dialog")).to_have_count(0)
    expect(button(opened, "Wallet")).to_be_focused()


@pytest.mark.once
@pytest.mark.parametrize(
    ("press", "shows"),
    [("付款", None), ("付款，不通知", None), ("取消", "已取消支付")],
)
def test_a_channel_is_played_in_the_phone(phone, channels, press, shows):
    words = WORDS["zh-Hans"]
    page = phone.open("/try/", None, width=1440)
    sender = at(page, words, "小爱")
    button(sender, words["send"]).click()
    form = inside(sender, words)
    form.get_by_role("textbox", name=words["many"]).fill("5")
    form.get_by_role("textbox", name=words["total"]).fill("5")
    button(form, words["put"]).click()
    form.get_by_role("radio", name="支付宝").check()
    button(form, words["pay"]).click()

    button(sender.get_by_role("dialog", name="模拟支付"), press).click()

    if shows:
        expect(form.get_by_role("status").filter(has_text=shows)).to_be_visible()
    else:
        expect(button(sender, words["bubble"].format(words["unopened"]))).to_be_visible()


@pytest.mark.once
def test_hostile_words_are_text(phone):
    evil = '<img src=x onerror="alert(1)">"\'&\u202e'
    page = phone.open("/try/", None, width=1440, before=lambda page: _called(page, evil))
    sender = page.frame_locator("iframe.phone >> nth=0")
    button(sender, "发红包").click()
    form = sender.frame_locator("iframe")
    form.get_by_role("textbox", name="红包个数").fill("1")
    form.get_by_role("textbox", name="总金额").fill("1")
    form.get_by_role("textbox", name="祝福语").fill(evil[:-1])
    button(form, "塞钱进红包").click()
    button(form, "支付 ¥1.00").click()

    expect(sender.locator(".wish")).to_have_text(evil[:-1])
    expect(sender.get_by_role("heading", level=1)).to_have_text(evil)
    expect(page.locator("iframe.phone").first).to_have_attribute("title", f"手机：{evil}")
    assert sender.locator('img[src="x"]').count() == 0
    assert phone.watch.errors == []


def _called(page, name):
    def rename(route):
        answer = route.fetch()
        said = answer.json()
        said["people"][0]["nickname"] = name
        route.fulfill(response=answer, json=said)

    page.route("**/try/api/start", rename)
