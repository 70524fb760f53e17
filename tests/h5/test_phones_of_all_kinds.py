"""Old browsers, native hosts of each shape, faces from elsewhere, slow first reads."""

import base64

import pytest
from playwright.sync_api import expect

from h5 import files
from packets import profiles
from packets.states import Kind
from sandbox.management.commands.token import token
from testing import make
from tests.h5.phones import Counter, answer, face

pytestmark = pytest.mark.once
OLD, NEW = "请升级应用后再试", "Please update the app and try again"

# What docs/embedding.md's hosts look like from the page: JSON texts, each by its way.
NATIVE = {
    "Android": """
        window.HongbaoHost = {postMessage: (text) => hear(text)};
        window.toPage = (text) => HongbaoHost.onmessage({data: text});""",
    "an old Android": """
        window.HongbaoHost = Object.freeze({postMessage: (text) => hear(text)});
        window.toPage = (text) => hongbao.receive(text);""",
    "iOS": """
        window.webkit = {messageHandlers: {HongbaoHost: {postMessage: (text) => hear(text)}}};
        window.toPage = (text) => hongbao.receive(text);""",
}
HEAR = """
window.said = [];
window.hear = (text) => {
  if (typeof text !== 'string') throw new TypeError('JSON texts only');
  const {type, id} = JSON.parse(text);
  said.push(JSON.parse(text));
  const tell = (data, re) => setTimeout(() => toPage(JSON.stringify({hongbao: 1, type, data, re})));
  if (type === 'ready') {
    const data = {version: 1, token: TOKEN, capabilities: ['pay', 'close']};
    setTimeout(() => toPage(JSON.stringify({hongbao: 1, type: 'init', data})));
  } else if (type === 'token') tell({token: TOKEN}, id);
  else if (type === 'pay') tell({status: 'cancelled'}, id);
};
"""


@pytest.mark.parametrize("shape", NATIVE)
def test_a_native_host_is_spoken_with(phone, channels, shape):
    packet = make.make_packet()
    script = f"window.TOKEN = '{token('alice', 600)}';{HEAR}{NATIVE[shape]}"
    page = phone.open(
        f"/h5/pay/{packet.public_id}", None, before=lambda page: page.add_init_script(script)
    )
    face(page, "pay")
    page.get_by_role("radio", name="支付宝").check()
    page.get_by_role("button", name="支付 ¥10.00").click()
    expect(page.get_by_role("status")).to_have_text("已取消支付")
    page.get_by_role("button", name="取消").click()

    said = page.evaluate("said")
    kinds = [one["type"] for one in said]
    assert kinds[0] == "ready" and kinds[-1] == "close"
    assert {"navigate", "pay"} <= set(kinds) and "token" not in kinds
    assert all(one["hongbao"] == 1 for one in said)
    assert said[-1]["data"] == {"reason": "user"}


def test_without_scripts_it_says_so_in_both_languages(phone):
    page = phone.open("/h5/wallet", None, java_script_enabled=False)

    # By their text playwright finds nothing in a <noscript>.
    for said, words in zip(page.locator("p.old").all(), (OLD, NEW), strict=True):
        expect(said).to_be_visible()
        expect(said).to_have_text(words)


@pytest.mark.parametrize("language", ["zh-Hans", "en"])
def test_without_modules_it_says_so(phone, language):
    """No browser of today goes without them: the script that others would run is run by hand."""
    page = phone.open("/h5/wallet", None, language=language)
    face(page, "no-token")
    sources = page.locator("script[nomodule]").evaluate_all("all => all.map((one) => one.src)")
    assert len(sources) == 1 and sources[0].endswith("/old.js")

    page.evaluate((files.PAGES / "old.js").read_text())

    expect(page.locator("main")).to_have_text(OLD if language == "zh-Hans" else NEW)


PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def test_avatars_come_from_where_they_may_or_are_a_letter(phone, settings):
    settings.REDPACKET_AVATAR_ORIGINS = ["https://faces.example"]
    data = f"data:image/png;base64,{base64.b64encode(PIXEL).decode()}"
    people = {
        "u1": ("", "https://faces.example/u1.png"),
        "u2": ("小宝", "https://faces.example/broken.png"),
        "u3": ("\u200b 大卫", "https://evil.example/u3.png"),
        "u4": ("", data),
        "u5": ("\u200b\u2060", "javascript:alert(1)"),
        "u6": ("🧧🎉", "data:image/svg+xml,<svg/>"),
    }
    make.make_group("alice", *people)
    for user, (nickname, avatar) in people.items():
        profiles.put(user_id=user, nickname=nickname, avatar=avatar)
    packet = make.make_paid_packet(Kind.EQUAL, 6, "1.00")
    for user in people:
        make.user(user).post(f"packets/{packet.public_id}/grab", key="")
    asked = []

    def faces(page):
        page.on("request", lambda request: asked.append(request))
        page.route("https://faces.example/u1.png", lambda route: route.fulfill(
            content_type="image/png", body=PIXEL))  # fmt: skip
        page.route("https://faces.example/broken.png", lambda route: route.fulfill(status=404))

    page = phone.open(f"/h5/packet/{packet.public_id}", "u1", before=faces)
    face(page, "luck")
    rows = page.get_by_role("list", name="领取详情").get_by_role("listitem")
    expect(rows).to_have_count(6)
    pictures = page.locator("main img")
    expect(pictures).to_have_count(2)

    seen = {one.locator(".name").inner_text(): one for one in rows.all()}
    assert list(seen) == ["🧧🎉", "u5", "u4", "\u200b 大卫", "小宝", "u1"]
    letters = {name: row.locator("span.face").all_inner_texts() for name, row in seen.items()}
    assert letters == {
        "🧧🎉": ["🧧"], "u5": ["u"], "u4": [], "\u200b 大卫": ["大"], "小宝": ["小"], "u1": [],
    }  # fmt: skip
    for one in pictures.all():
        assert one.get_attribute("alt") == "" and one.get_attribute("loading") == "lazy"
        assert one.get_attribute("referrerpolicy") == "no-referrer"
        assert one.evaluate("node => [node.width, node.height]") == [40, 40]
    away = [one for one in asked if "faces.example" in one.url or "evil" in one.url]
    assert {one.url.rpartition("/")[2] for one in away} == {"u1.png", "broken.png"}
    assert all("referer" not in one.headers for one in away)


def opened_when(phone, status: int, code: str, after_s: int | str):
    """A packet whose first read is answered so."""
    packet = make.make_paid_packet()

    def first(page):
        page.clock.install()
        Counter(page, "/api/v1/packets", answer(status, code, after_s))

    return phone.open(f"/h5/packet/{packet.public_id}", "u1", before=first)


def test_a_first_read_that_has_to_wait_says_for_how_long(phone):
    page = opened_when(phone, 429, "throttled", 30)
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("操作太快了，请稍候")
    seconds = int(alert.locator("[aria-hidden]").inner_text())
    page.clock.run_for(5000)
    assert int(alert.locator("[aria-hidden]").inner_text()) < seconds
    face(page, "loading")

    page.clock.run_for(27_000)
    face(page, "envelope")


@pytest.mark.parametrize(
    ("after_s", "most_s"), [("1e9", 3600), ("Infinity", 3600), ("-5", 1), ("tomorrow", 1)]
)
def test_no_wait_that_is_asked_for_is_skipped_or_without_end(phone, after_s, most_s):
    page = opened_when(phone, 503, "unavailable", after_s)
    expect(page.get_by_role("alert")).to_have_text("服务繁忙，请稍后再试")
    page.clock.run_for(most_s * 1000 - 600)
    face(page, "loading")

    page.clock.run_for(2000)
    face(page, "envelope")


def test_a_busy_service_is_named_while_it_is_waited_for(phone):
    page = opened_when(phone, 503, "unavailable", 20)
    expect(page.get_by_role("alert")).to_have_text("服务繁忙，请稍后再试")
    page.clock.run_for(21_000)
    face(page, "envelope")


def test_who_goes_on_is_taken_to_the_next_heading(phone):
    make.make_wallet("u1", "5.00")
    page = phone.open("/h5/wallet", "u1")
    face(page, "wallet")
    page.get_by_role("link", name="红包记录").click()
    face(page, "records")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    page.go_back()
    face(page, "wallet")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
