"""Names, greetings and groups of people who mean ill, on every screen, on /try/ and in the back
office: they stay text, they turn nothing around, and they push nothing off the page."""

import pytest
from django.apps import apps
from django.urls import reverse
from playwright.sync_api import Page, expect

from office import roles
from packets import profiles
from packets.models import Profile, RedPacket
from packets.states import Kind
from testing import desk, make
from testing.browser import server
from tests.h5.phones import face, overflow
from tests.h5.test_faces import grab

pytestmark = pytest.mark.once

MARKUP = "\"><img src=x onerror=alert(1)><script>alert(1)</script><style>*{color:red}</style>&lt;'"
TURNED = "\u202e\u2067שלום\u200f\u202bمرحبا"  # none of it is closed again
LONG = "Ｗ" * 64
FOUR = "𠮷🧧👨‍👩‍👧‍👦🏴󠁧󠁢󠁥󠁮󠁧󠁿"
UNSEEN = "\u200b\u2060\ufeff\u00ad"
LINES = "a\nb\r\n\tc\u2028d"
SENDERS = {"s1": MARKUP[:64], "s2": TURNED, "s3": LONG}
TAKERS = {"t1": FOUR, "t2": UNSEEN, "t3": LINES}
GREETINGS = {"s1": MARKUP, "s2": TURNED * 8 + LINES, "s3": "A" * 200 + FOUR}
GROUP = "g:hostile@1.-_"
# What stands in our own words, outside of names and greetings, reads from left to right.
TURNED_AROUND = """() => {
  const wrong = [];
  const walk = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  while (walk.nextNode()) {
    const {data, parentElement} = walk.currentNode;
    if (parentElement.closest('bdi, [dir=auto], .unseen, [hidden]') || data.length < 2) continue;
    let last = null;
    for (let at = 0; at < data.length; at += 1) {
      range.setStart(walk.currentNode, at);
      range.setEnd(walk.currentNode, at + 1);
      const {left, top, width} = range.getBoundingClientRect();
      if (!width) continue;
      if (last && Math.abs(top - last.top) < 2 && left < last.left - 1) wrong.push(data);
      last = {left, top};
    }
  }
  return wrong;
}"""
MADE = "document.querySelectorAll('img[src=x], main script, main style, main iframe').length"


def people() -> None:
    """Rows as they may have come before the API refused some of it, too."""
    make.make_group(*SENDERS, *TAKERS, "t4", "t5", group_id=GROUP)
    for user, nickname in (SENDERS | TAKERS).items():
        profiles.put(user_id=user, nickname=nickname[:64], avatar="")
        Profile.objects.filter(user_id=user).update(avatar="javascript:alert(1)")


def said_by(sender: str, packet: RedPacket) -> RedPacket:
    RedPacket.objects.filter(pk=packet.pk).update(intro=GREETINGS[sender][:255])
    return packet


def screens(sender: str):
    """(path, user, face, whose name the page shows)"""
    to_group = {"sender": sender, "for_id": GROUP}
    draft = said_by(sender, make.make_packet(Kind.EQUAL, 3, "1.00", **to_group))
    open_ = said_by(sender, make.make_paid_packet(Kind.EQUAL, 4, "1.00", **to_group))
    grab(open_, "t1", "t2", "t3")
    over = said_by(sender, make.make_paid_packet(Kind.LUCKY, 3, "3.00", **to_group))
    grab(over, "t1", "t2", "t3")
    named = said_by(
        sender,
        make.make_paid_packet(Kind.EXCLUSIVE, 3, "1.00", for_users=list(TAKERS), **to_group),
    )
    wish = {"pay_type": "alipay", "scene": "h5"}
    at_channel = make.make_packet(Kind.PERSONAL, 1, "1.00", sender=sender, for_id="t1")
    order = make.user(sender).post(f"packets/{at_channel.public_id}/pay", wish).json()["order"]
    who = SENDERS[sender]
    yield f"/h5/packet/{open_.public_id}", "t4", "envelope", who
    yield f"/h5/packet/{open_.public_id}", "t1", "luck", who
    yield f"/h5/packet/{over.public_id}", sender, "luck", who
    yield f"/h5/packet/{over.public_id}", "t4", "slow", who
    yield f"/h5/packet/{named.public_id}", "t4", "luck", who
    yield f"/h5/packet/{draft.public_id}", sender, "draft", who
    yield f"/h5/pay/{draft.public_id}", sender, "pay", ""
    yield f"/h5/pay/{at_channel.public_id}", sender, "pay", ""
    yield f"/h5/orders/{order['order_no']}", sender, "waiting", ""
    yield f"/h5/send?for=group&id={GROUP}", sender, "send", ""
    yield "/h5/send?for=user&id=t1&lang=<b>&theme='", sender, "send", ""
    yield "/h5/records?tab=received&year=<img>", "t1", "records", who
    yield "/h5/records?tab=sent", sender, "records", who
    yield "/h5/wallet", sender, "wallet", ""


@pytest.fixture
def office():
    with server() as base:
        yield base


def harmless(page: Page, errors: list) -> list:
    found = [*errors, *page.evaluate(TURNED_AROUND)]
    found += ["markup"] * page.evaluate(MADE) + ["wide"] * (overflow(page) > 0)
    return found


def watched(page: Page) -> list:
    errors: list = []
    page.on("dialog", lambda dialog: (errors.append(dialog.message), dialog.dismiss()))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    return errors


@pytest.mark.parametrize("sender", SENDERS)
def test_on_every_screen(phone, channels, sender):
    people()
    name = SENDERS[sender]
    init = {
        "version": 1, "capabilities": [], "peer": {"name": name, "avatar": "javascript:alert(1)"},
        "group": {"name": name, "members": [
            {"user_id": user, "name": one, "avatar": "data:text/html,<script>"}
            for user, one in TAKERS.items()]},
    }  # fmt: skip
    found = {}
    for path, user, wanted, who in screens(sender):
        errors: list = []
        page = phone.open(
            path, user, width=320, host={"init": init},
            before=lambda page, errors=errors: errors.append(watched(page)),
        )  # fmt: skip
        face(page, wanted)
        if wanted == "send" and "group" in path:
            page.get_by_role("radio", name="专属红包").check()
        page.wait_for_timeout(30)
        if wrong := harmless(page, errors[0]):
            found[path, user] = wrong
        names = page.locator("main bdi").all_text_contents()
        if who and who not in names:
            found[path, user, "names"] = names
        if UNSEEN in names or any("alert" in title for title in [page.title()]):
            found[path, user, "shown"] = names
        phone.close()

    assert found == {}


def test_on_the_desk_and_its_phones(phone):
    def rename(route):
        said = route.fetch().json()
        for one, name in zip(said["people"], [*SENDERS.values(), *TAKERS.values()], strict=True):
            one["nickname"] = name
        route.fulfill(status=201, json=said)

    errors: list = []

    def before(page):
        errors.append(watched(page))
        page.route("**/try/api/start", rename)

    page = phone.open("/try/", None, width=390, before=before)
    first = page.frame_locator("iframe.phone >> nth=0")
    first.get_by_role("button", name="发红包").click()
    form = first.frame_locator("iframe")
    form.get_by_role("textbox", name="红包个数").fill("1")
    form.get_by_role("textbox", name="总金额").fill("1")
    form.get_by_role("textbox", name="祝福语").fill(MARKUP)
    form.get_by_role("button", name="塞钱进红包").click()
    form.get_by_role("button", name="支付 ¥1.00").click()
    expect(first.locator(".wish")).to_have_text(MARKUP)
    first.get_by_role("button", name="给一个人").click()
    expect(first.get_by_role("dialog").locator("bdi").first).to_have_text(TURNED)

    for _ in range(3):
        page.get_by_role("button", name="添一部手机").click()
    expect(page.locator("iframe.phone")).to_have_count(6)
    titles = page.locator("iframe.phone").evaluate_all("all => all.map((one) => one.title)")
    assert titles[0] == f"手机：{SENDERS['s1']}"
    for frame in [one for one in page.frames if one.url.endswith("/try/phone")]:
        expect(frame.get_by_role("heading", level=1)).to_be_visible()
        assert frame.evaluate(MADE) == 0
        assert frame.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert overflow(page) <= 0 and errors[0] == []


def test_in_the_back_office(phone, channels, office):
    roles.grant(apps)
    people()
    packets = [
        said_by(sender, make.make_paid_packet(Kind.EQUAL, 4, "1.00", sender=sender, for_id=GROUP))
        for sender in SENDERS
    ]
    for packet in packets:
        grab(packet, *TAKERS)
    user = desk.account(None)
    context = phone.watch.over(
        phone.browser.new_context(viewport={"width": 390, "height": 844}, locale="zh-CN")
    )
    phone.contexts.append(context)
    page = context.new_page()
    errors = watched(page)
    page.goto(f"{office}/admin/")
    page.locator("[name=username]").fill(user.username)
    page.locator("[name=password]").fill(desk.PASSWORD)
    page.locator("[name=otp_token]").fill(desk.code(user))
    page.locator("[type=submit]").first.click()
    expect(page.locator("#find")).to_be_visible()

    paths = [desk.page_of(packet) for packet in packets]
    paths += [desk.list_of(RedPacket), desk.list_of(Profile)]
    paths += [reverse("admin:packets_profile_change", args=[user]) for user in (*SENDERS, *TAKERS)]
    found = {}
    for path in paths:
        answer = page.goto(f"{office}{path}")
        assert answer.status == 200, path
        wrong = [*errors, *(["wide"] * (overflow(page) > 0))]
        wrong += ["markup"] * page.locator("img[src='x']").count()
        if "javascript:alert" in str(page.locator("main a, main img").evaluate_all(
            "all => all.map((one) => one.href || one.src)")):  # fmt: skip
            wrong.append("script in a link")
        if wrong:
            found[path] = wrong
        errors.clear()

    assert found == {}
