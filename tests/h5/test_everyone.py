"""For every eye, ear and hand: axe against every face, large text, small and wide windows, fingers,
keys, less motion."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from packets import freeze
from packets.states import Kind
from payments.models import PaymentOrder
from testing import make
from tests.h5.phones import answer, face, faults, overflow
from tests.h5.test_faces import closed, draft, expired, finished, grab, paid, void

pytestmark = pytest.mark.once  # what depends on the engine, test_packet, _send and _try ask of both

HOST = {"init": {"version": 1, "capabilities": ["close"]}}
ALONE = {"init": {"version": 1, "capabilities": []}}


def stay(page: Page) -> None:
    pass


@dataclass
class Face:
    """How it is come to: an address, and what is done there."""

    name: str
    path: str
    user: str | None = "u1"
    arrive: Callable[[Page], None] = stay
    before: Callable[[Page], None] | None = None
    host: dict | None = None
    what: str = ""


def packets() -> Iterator[Face]:
    made = {make_it: make_it(Kind.LUCKY).public_id
            for make_it in (draft, paid, finished, expired, void, closed)}  # fmt: skip
    for make_it, user, name in (
        (paid, "u3", "envelope"), (paid, "alice", "envelope"), (finished, "u1", "luck"),
        (expired, "alice", "luck"), (void, "alice", "luck"), (finished, "u3", "slow"),
        (expired, "u3", "expired"), (draft, "alice", "draft"), (closed, "alice", "closed"),
    ):  # fmt: skip
        yield Face(name, f"/h5/packet/{made[make_it]}", user, what=f"{make_it.__name__} {user}")
    yield Face("pay", f"/h5/pay/{made[draft]}", "alice")
    awaited, _ = make.make_reported_packet(Kind.LUCKY, number=2, money="6.00")
    yield Face("luck", f"/h5/packet/{grab(awaited, 'u1').public_id}", what="awaiting")
    named = make.make_paid_packet(Kind.EXCLUSIVE, 2, "2.50")
    yield Face("luck", f"/h5/packet/{named.public_id}", "u3", what="for others")
    frozen = paid(Kind.EQUAL)
    freeze.freeze(public_id=frozen.public_id, reason="test", now=timezone.now())
    yield Face("envelope", f"/h5/packet/{frozen.public_id}", "u1", what="frozen")
    yield Face("missing", "/h5/packet/rp_x")

    def refused(page):
        page.get_by_role("button", name="開红包").click()
        expect(page.get_by_role("alert")).to_be_visible()

    no = answer(403, "wallet_frozen")
    yield Face("envelope", f"/h5/packet/{made[paid]}", "u3", refused, what="refused",
               before=lambda page: page.route("**/grab", no))  # fmt: skip


def money() -> Iterator[Face]:
    make.make_wallet("alice", "50.00")
    by_wallet, at_channel = draft(Kind.LUCKY).public_id, draft(Kind.EQUAL)
    wish = {"pay_type": "unionpay", "scene": "h5"}
    asked = make.user("alice").post(f"packets/{at_channel.public_id}/pay", wish)
    over = make.user("alice").post(
        "wallet/topups", {"money": "5.00", "pay_type": "alipay", "scene": "h5"}
    )
    done = make.user("alice").post(
        "wallet/topups", {"money": "6.00", "pay_type": "wechat", "scene": "h5"}
    )
    make.end(PaymentOrder.objects.get(order_no=over.json()["order_no"]), timezone.now())
    make.confirm(PaymentOrder.objects.get(order_no=done.json()["order_no"]), timezone.now())

    def pay(page):
        page.get_by_role("button", name="支付 ¥6.00").click()

    yield Face("sent", f"/h5/pay/{by_wallet}", "alice", pay, host=ALONE)
    yield Face("waiting", f"/h5/orders/{asked.json()['order']['order_no']}", "alice")
    yield Face("waiting", f"/h5/orders/{over.json()['order_no']}", "alice", what="over")
    yield Face("topped-up", f"/h5/orders/{done.json()['order_no']}", "alice")
    yield Face("back", "/h5/back/hbaaaaaaaaaaaaaaaaaaaaaaaaaa", None)
    yield Face("wallet", "/h5/wallet", "alice")
    yield Face("topup", "/h5/wallet/topup")
    yield Face("records", "/h5/records?tab=received")
    yield Face("records", "/h5/records?tab=sent", "alice", what="sent")


def forms_and_failures() -> Iterator[Face]:
    def wrong(page):
        page.get_by_role("textbox", name="红包个数").fill("1.5")
        expect(page.get_by_role("alert")).to_be_visible()

    def someone(page):
        page.get_by_role("radio", name="专属红包").check()

    def close(page):
        page.get_by_role("button", name="关闭").click()

    def offline(page):
        face(page, "wallet")
        page.context.set_offline(True)
        page.evaluate("tellPage('refresh', {})")
        expect(page.get_by_role("button", name="重试")).to_be_visible()

    def wallet(status, code):
        return lambda page: page.route("**/api/v1/wallet", answer(status, code))

    packet = paid(Kind.LUCKY).public_id
    yield Face("send", "/h5/send?for=group&id=g1", arrive=wrong, what="wrong")
    yield Face("send", "/h5/send?for=group&id=g1", arrive=someone, what="for someone")
    yield Face("send", "/h5/send?for=user&id=u2", what="to one")
    yield Face("error", "/h5/wallet", before=wallet(500, "odd"))
    yield Face("session-over", "/h5/wallet", before=wallet(401, "unauthenticated"))
    yield Face("done", f"/h5/packet/{packet}", "u3", close, host=ALONE)
    yield Face("no-token", "/h5/wallet", None)
    yield Face("loading", "/h5/wallet",
               before=lambda page: page.route("**/api/v1/wallet", lambda route: None))  # fmt: skip
    yield Face("wallet", "/h5/wallet", arrive=offline, what="offline")


# Two have each language and width in one theme, and axe looks at the first of them: it asks nothing
# that hangs on how they are put together. Faces take turns; by night each has all of them.
LOOKS = [
    (("zh-Hans", "light", 390), ("en", "light", 320)),
    (("en", "dark", 320), ("zh-Hans", "dark", 390)),
]
DRESS = "([lang, theme]) => { tellPage('lang', {lang}); tellPage('theme', {theme}); }"
LARGE = """() => {
  document.documentElement.classList.add('large');
  const sheet = document.styleSheets[0];
  sheet.insertRule('html.large {font-size: 200%}', sheet.cssRules.length);
}"""
# Text that its box does not show; names alone may end in an ellipsis.
CUT = """() => [...document.querySelectorAll('main *')].filter((node) =>
  node.clientWidth && node.scrollWidth > node.clientWidth + 1 && !node.closest('.name, .unseen, input, select')
  && getComputedStyle(node).display !== 'inline').map((node) => node.outerHTML.slice(0, 120)).join()"""  # noqa: E501
# What a finger has to find: 44 pixels both ways, 開 88.
SMALL = """() => [...document.querySelectorAll('main :is(a, button, input, select)')]
.filter((node) => {
  const {width, height} = node.getBoundingClientRect();
  const least = node.classList.contains('coin') ? 88 : 44;
  return width && (width < least - 0.01 || height < least - 0.01);
}).map((node) => node.outerHTML.slice(0, 120)).join()"""


def is_wrong(page: Page) -> list[str]:
    """Besides axe: one heading, nothing wider than the window, nothing cut, nothing too small."""
    headings = page.locator("main h1:visible").count()
    found = [f"{headings} h1"] * (headings != 1)
    found += [f"{overflow(page)} px too wide"] * (overflow(page) > 0)
    found += [f"cut: {cut}" for cut in [page.evaluate(CUT)] if cut]
    return found + [f"small: {small}" for small in [page.evaluate(SMALL)] if small]


@pytest.mark.parametrize("in_all", [False, pytest.param(True, marks=pytest.mark.nightly)])
@pytest.mark.parametrize("faces", [packets, money, forms_and_failures])
def test_nothing_is_wrong_with_any_face(phone, channels, faces, in_all):
    make.make_group("alice", "u1", "u2", "u3")
    found = {}
    for at, one in enumerate(faces()):
        page = phone.open(one.path, one.user, host=one.host or HOST, before=one.before)
        if one.name != "loading":
            page.wait_for_selector("main:not([data-face=loading])")
        one.arrive(page)
        face(page, one.name)
        looks = LOOKS if in_all else [LOOKS[at % 2]]
        for look in chain(*looks):
            language, theme, width = look
            page.set_viewport_size({"width": width, "height": 800})
            page.evaluate(DRESS, [language, theme])
            page.wait_for_timeout(60)
            face(page, one.name)
            by_axe = faults(page) if any(look is first for first, _ in looks) else []
            if wrong := [*by_axe, *is_wrong(page)]:
                found[one.name, one.what, look] = wrong
        page.set_viewport_size({"width": 844, "height": 390})
        if wrong := is_wrong(page):
            found[one.name, one.what, "landscape"] = wrong
        page.set_viewport_size({"width": 320, "height": 640})
        page.evaluate(LARGE)
        if wrong := is_wrong(page):
            found[one.name, one.what, "200 %"] = wrong
        phone.close()

    assert found == {}


def test_less_motion_is_none(phone):
    make.make_group("alice", "u1")
    packet = paid(Kind.LUCKY)
    page = phone.open(f"/h5/packet/{packet.public_id}", "u1")
    face(page, "envelope")

    page.route("**/grab", lambda route: None)
    page.get_by_role("button", name="開红包").click()
    assert page.evaluate("document.getAnimations().length") == 0


def test_all_goes_by_keys(phone):
    make.make_group("alice", "u1")
    packet = paid(Kind.LUCKY)
    page = phone.open(f"/h5/packet/{packet.public_id}", "u1")
    face(page, "envelope")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="開红包")).to_be_focused()
    page.keyboard.press("Enter")
    face(page, "luck")

    page.goto(f"{phone.base}/h5/records")
    face(page, "no-token")
    phone.close()
    page = phone.open("/h5/records", "u1")
    face(page, "records")
    page.keyboard.press("Tab")
    expect(page.get_by_role("tab", name="收到的红包")).to_be_focused()
    page.keyboard.press("ArrowRight")
    tab = page.get_by_role("tab", name="发出的红包")
    expect(tab).to_be_focused()
    expect(tab).to_have_attribute("aria-selected", "true")
    expect(page.get_by_text("u1共发出")).to_be_visible()
