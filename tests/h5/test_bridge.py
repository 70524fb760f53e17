"""The talk with a host: in a frame of another origin, and natively; and hosts that mean ill."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import expect

from sandbox.management.commands.token import token
from testing import make
from tests.h5.phones import Counter, face, heard, said, until

pytestmark = pytest.mark.once  # what depends on the engine, test_packet, _send and _try ask of both

FRAME = """<!doctype html><title>host</title>
<iframe title="page" width="390" height="700"></iframe>
<script>
  window.said = [];
  const frame = document.querySelector('iframe');
  addEventListener('message', (event) => {
    if (event.source !== frame.contentWindow) return;
    said.push({...event.data, origin: event.origin});
    if (event.data.type === 'ready' && window.init) tell('init', window.init);
  });
  window.tell = (type, data, more = {}) =>
    frame.contentWindow.postMessage({hongbao: 1, type, data, ...more}, '*');
</script>"""


class _Chat(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(FRAME.encode())

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def chat() -> int:
    """The port of another server: its two names are two origins that are not ours."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Chat)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture
def framed(phone, chat, settings):
    """A page of a chat app with ours in a frame; both."""
    settings.REDPACKET_H5_ORIGINS = [f"http://127.0.0.1:{chat}"]

    def open_in(path: str, init: dict | None, host: str = "127.0.0.1"):
        context = phone.browser.new_context(locale="zh-CN", reduced_motion="reduce")
        phone.contexts.append(context)
        page = context.new_page()
        page.goto(f"http://{host}:{chat}/")
        page.evaluate("init => { window.init = init; }", init)
        with page.expect_event("framenavigated"):
            page.evaluate("url => { frame.src = url; }", f"{phone.base}{path}")
        return page, page.frames[-1]

    return open_in


def test_a_framed_page_takes_its_token_from_init(framed):
    packet = make.make_paid_packet()
    init = {"version": 1, "capabilities": ["close"], "token": token("u1", 600), "lang": "en"}
    page, frame = framed(f"/h5/packet/{packet.public_id}", init)

    expect(frame.get_by_role("button", name="Open red packet")).to_be_visible()
    assert frame.evaluate("document.documentElement.lang") == "en"
    assert frame.evaluate("typeof window.hongbao") == "undefined"
    frame.get_by_role("button", name="Close").click()
    until(page, lambda: page.evaluate("said.at(-1).type") == "close", "the host has heard no close")
    said_ = page.evaluate("said")
    assert said_[-1]["data"] == {"reason": "user"}
    assert {one["type"] for one in said_} == {"ready", "navigate", "close"}
    assert "eyJ" not in json.dumps(said_)


def test_in_a_frame_nothing_is_shown_before_the_host_has_spoken(framed):
    init = {"version": 1, "capabilities": []}
    page, frame = framed(f"/h5/wallet#token={token('u1', 600)}", None)
    frame.wait_for_selector("main[data-face='no-token']")
    assert frame.get_by_role("button").count() == 0

    page.evaluate("init => tell('init', init)", init)
    frame.wait_for_selector("main[data-face='wallet']")


def test_language_theme_and_insets_change_without_losing_input(framed):
    make.make_group("alice", "u1")
    init = {"version": 1, "capabilities": [], "token": token("u1", 600), "lang": "zh-Hans"}
    page, frame = framed("/h5/send?for=group&id=g1", init)
    frame.get_by_role("textbox", name="总金额").fill("12.3")
    frame.get_by_role("textbox", name="总金额").focus()

    page.evaluate("tell('lang', {lang: 'en'}); tell('theme', {theme: 'dark'});")
    page.evaluate("tell('insets', {top: 33, left: -1, right: 'x'})")

    money = frame.get_by_role("textbox", name="Total amount")
    expect(money).to_have_value("12.3")
    expect(money).to_be_focused()
    assert frame.evaluate("document.documentElement.dataset.theme") == "dark"
    assert frame.evaluate("getComputedStyle(document.querySelector('main')).paddingTop") == "33px"
    assert frame.locator("[style]").count() == 0


NONSENSE = """
for (const one of [null, 1, 'x', [], {}, {hongbao: 2, type: 'init', data: {}}, {hongbao: 1},
    {hongbao: 1, type: 'token', data: {token: 'no.token'}}, {hongbao: 1, type: 'theme', data: null},
    {hongbao: 1, type: 'pay', re: 'p1', data: {status: 'success'}}, {hongbao: 1, type: 'insets', data: []},
    {hongbao: 1, type: '__proto__', id: 'a', data: {}}, {hongbao: 1, type: 'init', data: {token: {}, lang: 5}},
    {hongbao: 1, type: 'lang', data: {lang: '<img>'}}, {hongbao: 1, type: 'x'.repeat(70000)}])
  SAY(one);
"""  # noqa: E501


def test_nonsense_does_nothing_and_throws_nothing(phone):
    make.make_wallet("u1", "5.00")
    page = phone.open("/h5/wallet", "u1", host={"init": {"version": 1, "capabilities": []}})
    errors = []
    page.on("pageerror", lambda error: errors.append(error))
    face(page, "wallet")

    page.evaluate(NONSENSE.replace("SAY(one)", "hongbao.receive(JSON.stringify(one))"))
    page.evaluate(
        "hongbao.receive('{'); hongbao.receive(); hongbao.receive({}); hongbao.receive(7)"
    )
    page.evaluate("tellPage('surprise', {}, {id: 'q1'})")

    face(page, "wallet")
    expect(page.get_by_text("¥5.00")).to_be_visible()
    assert errors == []
    assert heard(page, "surprise") == {
        "hongbao": 1, "type": "surprise", "re": "q1", "data": {"error": "unknown"},
    }  # fmt: skip


def test_other_origins_and_other_windows_are_not_heard(framed, chat):
    make.make_group("alice", "u1")
    init = {"version": 1, "capabilities": [], "token": token("u1", 600)}
    page, frame = framed("/h5/send?for=group&id=g1", init)
    expect(frame.get_by_role("textbox", name="总金额")).to_be_visible()

    frame.evaluate(
        """host => {
      window.postMessage({hongbao: 1, type: 'lang', data: {lang: 'en'}}, '*');
      dispatchEvent(new MessageEvent('message', {source: parent, origin: 'http://evil.test',
        data: {hongbao: 1, type: 'lang', data: {lang: 'en'}}}));
      dispatchEvent(new MessageEvent('message', {source: window, origin: host,
        data: {hongbao: 1, type: 'lang', data: {lang: 'en'}}}));
    }""",
        f"http://127.0.0.1:{chat}",
    )
    page.evaluate("tell('theme', {theme: 'dark'})")  # said last, so heard last
    frame.wait_for_selector("html[data-theme=dark]")

    assert frame.evaluate("document.documentElement.lang") == "zh-Hans"


def test_a_stranger_may_not_frame_it(framed, phone):
    page, frame = framed("/h5/wallet", {"version": 1, "token": token("u1", 600)}, "localhost")
    page.wait_for_timeout(300)

    assert page.evaluate("said") == []
    assert not frame.url.startswith(phone.base) or frame.locator("main").count() == 0


def test_in_a_plain_window_no_message_is_listened_to(phone):
    page = phone.open("/h5/wallet", "u1")
    face(page, "wallet")
    page.evaluate("postMessage({hongbao: 1, type: 'lang', data: {lang: 'en'}}, '*')")
    page.evaluate("hongbao.receive('{}')")
    page.evaluate("""new Promise((heard) => {
      addEventListener('message', ({data}) => data === 'last' && heard());
      postMessage('last', '*');
    })""")

    assert page.evaluate("document.documentElement.lang") == "zh-Hans"


def test_back_goes_one_step_or_leaves_it_to_the_host(phone):
    make.make_wallet("u1", "5.00")
    page = phone.open("/h5/wallet", "u1", host={"init": {"version": 1, "capabilities": ["close"]}})
    face(page, "wallet")
    page.get_by_role("link", name="红包记录").click()
    face(page, "records")
    assert [one["data"]["can_go_back"] for one in said(page, "navigate")] == [False, True]

    page.evaluate("tellPage('back', {}, {id: 'b1'})")
    face(page, "wallet")
    page.evaluate("tellPage('back', {}, {id: 'b2'})")
    until(page, lambda: len(said(page, "back")) == 2, "an answer to back is missing")

    answers = {one["re"]: one["data"] for one in said(page, "back")}
    assert answers == {"b1": {"handled": True}, "b2": {"handled": False}}
    page.keyboard.press("Escape")
    assert heard(page, "close")["data"] == {"reason": "user"}


# --- the token


def test_the_token_leaves_no_trace(phone):
    packet = make.make_paid_packet()
    page = phone.open(f"/h5/packet/{packet.public_id}?token=query", "u1")
    face(page, "envelope")
    secret = token("u1", 3600).rpartition(".")[0]

    traces = page.evaluate("""async () => JSON.stringify([location.href, document.title,
      document.documentElement.outerHTML, {...localStorage}, {...sessionStorage}, document.cookie,
      await indexedDB.databases(), await caches.keys(), history.state, document.referrer])""")

    assert page.url == f"{phone.base}/h5/packet/{packet.public_id}"
    assert secret not in traces and "eyJ" not in traces
    assert page.context.cookies() == []


@pytest.mark.parametrize(
    "fragment", ["", "#token=abc", "#token=a.b", "#token=" + "a.b." + "c" * 5000]
)
def test_without_a_token_nothing_is_asked(phone, fragment):
    counters = []
    page = phone.open(
        f"/h5/wallet{fragment}", None,
        before=lambda page: counters.append(Counter(page, "/api/v1/")),
    )  # fmt: skip
    face(page, "no-token")

    expect(page.get_by_role("heading")).to_have_text("请从聊天中打开")
    assert counters[0].seen == []
    assert "#" not in page.url


def test_an_expired_token_is_renewed_in_the_middle_of_a_payment(phone):
    make.make_wallet("alice", "88.00")
    packet = make.make_packet()
    page = phone.open(f"/h5/pay/{packet.public_id}", "alice", host={"init": {"capabilities": []}})
    face(page, "pay")
    page.evaluate("token => { answers.token = {token}; }", token("alice", 1800))

    def forget(route):
        route.fulfill(status=401, json={"code": "unauthenticated", "status": 401})

    counter = Counter(page, f"{packet.public_id}/pay", forget)
    page.get_by_role("button", name="支付 ¥10.00").click()
    face(page, "sent")

    assert [one["data"] for one in said(page, "token")] == [{"reason": "expired"}]
    assert len(counter.seen) == 2 and len(set(counter.seen)) == 1
    assert len(set(counter.bodies)) == 1


def test_a_session_that_is_over_keeps_what_was_typed(phone):
    make.make_group("alice", "u1")
    host = {"init": {"version": 1, "capabilities": ["close"]}, "token": {}}
    page = phone.open("/h5/send?for=group&id=g1", "u1", host=host)
    face(page, "send")
    page.get_by_role("textbox", name="红包个数").fill("2")
    page.get_by_role("textbox", name="总金额").fill("5")
    refuse = [
        lambda route: route.fulfill(status=401, json={"code": "unauthenticated"}) for _ in range(2)
    ]
    Counter(page, "/api/v1/packets", *refuse)
    page.get_by_role("button", name="塞钱进红包").click()
    face(page, "session-over")
    expect(page.get_by_role("heading")).to_have_text("登录已过期")
    page.get_by_role("button", name="回到聊天").click()
    assert heard(page, "close")["data"] == {"reason": "unauthenticated"}

    page.evaluate("token => tellPage('token', {token})", token("u1", 1800))
    face(page, "send")

    assert page.get_by_role("textbox", name="总金额").input_value() == "5.00"


def test_another_user_sees_nothing_of_the_one_before(phone):
    make.make_wallet("u1", "5.00")
    make.make_wallet("u2", "7.00")
    page = phone.open("/h5/wallet", "u1", host={"init": {"version": 1, "capabilities": []}})
    face(page, "wallet")
    expect(page.get_by_text("¥5.00")).to_be_visible()

    page.evaluate("token => tellPage('token', {token})", token("u2", 1800))

    expect(page.get_by_text("¥7.00")).to_be_visible()
    assert page.get_by_text("¥5.00").count() == 0
