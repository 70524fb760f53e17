"""How often a page asks, by a clock of the browser's that is set forward; and what makes it ask at
once, or stops it."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from django.utils import timezone

from packets.models import RedPacket
from packets.states import Kind
from sandbox.tokens import token
from testing import make
from testing.browser import ARGUMENTS, CHROMIUM
from tests.h5.phones import face

pytestmark = pytest.mark.once

# The middle of the jitter, and every request by the moment it went out. `flying` counts what is
# asked and what is read of an answer, and falls one task later: what the page does at once with an
# answer, as to plan its next request, is done by then.
WATCHED = """
Math.random = () => window.luck ?? 0.5;
window.asked = [];
window.flying = 0;
const counted = (verb) => async function (...all) {
  flying += 1;
  try { return await verb.apply(this, all); } finally {
    const {port1, port2} = new MessageChannel();
    port1.onmessage = () => { port1.close(); flying -= 1; };
    port2.postMessage(null);
  }
};
for (const read of ['json', 'text', 'blob', 'arrayBuffer']) {
  Response.prototype[read] = counted(Response.prototype[read]);
}
const fetch = counted(window.fetch);
window.fetch = (...all) => {
  asked.push([Date.now(), String(all[0])]);
  return fetch.apply(window, all);
};
"""


class Clock:
    """Of one page: stands still from before it loads, but for `run`; tells when it has asked."""

    def __init__(self, phone, path: str, user: str, **more):
        self.page = phone.open(path, user, before=self._begin, ttl=7200, **more)

    def _begin(self, page) -> None:
        page.add_init_script(WATCHED)
        now = datetime.now(UTC)
        page.clock.install(time=now)
        page.clock.pause_at(now + timedelta(seconds=1))

    def wait(self, wanted: str) -> None:
        face(self.page, wanted)
        self._settle()
        self.page.evaluate("tellPage('refresh', {})")  # from here on it is counted
        self._settle()
        self.page.evaluate("asked.length = 0")
        self.began = self.page.evaluate("Date.now()")

    def _settle(self) -> None:
        for _ in range(4000):
            if not self.page.evaluate("flying"):
                return
            self.page.wait_for_timeout(5)
        raise AssertionError("an answer is not there yet, or was never read")

    def run(self, seconds: int) -> list[int]:
        """Seconds between the requests of these seconds."""
        for _ in range(seconds):
            self.page.clock.run_for(1000)
            self._settle()
        times = [0, *(round((at - self.began) / 1000) for at, _ in self.asked())]
        return [after - before for before, after in pairwise(times)]

    def asked(self) -> list:
        return self.page.evaluate("asked")


HOST = {"init": {"version": 1, "capabilities": []}}


def grabbed(packet: RedPacket, *users: str) -> RedPacket:
    for user in users:
        make.user(user).post(f"packets/{packet.public_id}/grab", key="")
    return packet


def reported() -> RedPacket:
    return make.make_reported_packet(Kind.LUCKY, number=2, money="6.00")[0]


def expired() -> RedPacket:
    packet = make.make_paid_packet(Kind.EQUAL, 2, "3.00")
    RedPacket.objects.filter(pk=packet.pk).update(expire_time=timezone.now() - timedelta(minutes=1))
    return packet


PACES = {
    "owed": (lambda: grabbed(reported(), "u1"), "u1", "luck", 145, [2] * 5 + [5] * 22 + [15]),
    "awaiting": (reported, "u1", "envelope", 20, [2] * 5 + [5] * 2),
    "open": (lambda: grabbed(make.make_paid_packet(), "u1"), "u1", "luck", 95,
             [5] * 12 + [15] * 2),
    "closed": (make.make_paid_packet, "u1", "envelope", 50, [15] * 3),
    "finished": (lambda: grabbed(make.make_paid_packet(number=1), "u1"), "u1", "luck", 40, []),
    "refund": (expired, "alice", "luck", 35, [15] * 2),
    "expired": (expired, "u1", "expired", 40, []),
}  # fmt: skip


def test_a_clock_that_was_set_is_nobody_elses(phone):
    """A context is used again by the next test, but not with a clock that stands."""
    for before, is_again in ((None, True), (lambda page: page.clock.install(), False)):
        context = phone.open("/h5/wallet", before=before).context
        phone.close()
        assert (phone.open("/h5/wallet").context is context) is is_again
        phone.close()


@pytest.mark.parametrize("name", PACES)
def test_a_packet_is_read_at_its_pace(phone, name):
    made, user, wanted, seconds, gaps = PACES[name]
    clock = Clock(phone, f"/h5/packet/{made().public_id}", user, host=HOST)
    clock.wait(wanted)

    assert clock.run(seconds) == gaps


def test_an_order_is_read_at_its_pace(phone, channels):
    packet = make.make_packet()
    wish = {"pay_type": "alipay", "scene": "h5"}
    order = make.user("alice").post(f"packets/{packet.public_id}/pay", wish).json()["order"]
    clock = Clock(phone, f"/h5/orders/{order['order_no']}", "alice", host=HOST)
    clock.wait("waiting")

    assert clock.run(72) == [2] * 30 + [5] * 2


def test_jitter_is_a_fifth(phone):
    clock = Clock(phone, f"/h5/packet/{make.make_paid_packet().public_id}", "u1", host=HOST)
    clock.wait("envelope")
    for luck, gap in ((0, 12), (0.999999, 18)):
        clock.page.evaluate("luck => { window.luck = luck; tellPage('refresh', {}); }", luck)
        clock._settle()
        clock.page.evaluate("asked.length = 0")
        clock.began = clock.page.evaluate("Date.now()")
        assert clock.run(20) == [gap]


HIDE = "is => { Object.defineProperty(document, 'hidden', {configurable: true, get: () => is}); }"
SHOWN = "document.dispatchEvent(new Event('visibilitychange'))"
AT_ONCE = {
    "shown again": SHOWN,
    "online": "dispatchEvent(new Event('online'))",
    "from the back/forward cache":
        "dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))",
    "refresh": "tellPage('refresh', {})",
    "resume": "tellPage('resume', {})",
}  # fmt: skip


def test_what_makes_it_ask_at_once_and_what_stops_it(phone):
    packet = grabbed(make.make_paid_packet(), "u1")
    clock = Clock(phone, f"/h5/packet/{packet.public_id}", "u1", host=HOST)
    clock.wait("luck")
    page = clock.page
    for what, event in AT_ONCE.items():
        page.evaluate("asked.length = 0")
        page.evaluate(event)
        clock._settle()
        assert len(clock.asked()) == 1, what

    page.evaluate("tellPage('pause', {}); asked.length = 0")
    clock.run(60)
    assert clock.asked() == []
    page.evaluate("tellPage('resume', {})")
    clock.run(31)
    assert len(clock.asked()) == 3  # at once, and twice by its pace

    page.evaluate(HIDE, True)
    page.evaluate(f"{SHOWN}; asked.length = 0")
    clock.run(60)
    assert clock.asked() == []
    page.evaluate(HIDE, False)
    page.evaluate(SHOWN)
    clock.run(31)
    assert len(clock.asked()) == 3

    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow')); asked.length = 0")
    clock._settle()
    assert clock.asked() == []


def test_a_page_out_of_the_back_forward_cache_reads_anew(phone):
    """The real one, which playwright turns off."""
    packet = make.make_paid_packet()
    with phone.browser.browser_type.launch(
        executable_path=CHROMIUM, args=ARGUMENTS,
        ignore_default_args=["--disable-back-forward-cache"],
    ) as browser:  # fmt: skip
        page = browser.new_page(locale="zh-CN")
        page.goto(f"{phone.base}/h5/packet/{packet.public_id}#token={token('u1', 600)}")
        face(page, "envelope")
        page.evaluate(
            "addEventListener('pageshow', (event) => { window.wasKept = event.persisted; })"
        )
        page.goto(f"{phone.base}/robots.txt")
        grabbed(packet, "u1")
        page.go_back(wait_until="commit")
        face(page, "luck")

        assert page.evaluate("wasKept") is True
