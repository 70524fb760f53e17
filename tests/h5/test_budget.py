"""What a packet's first page costs, and a second visit; with a slow processor and network, how long
it takes until one can press 開 (printed with -s)."""

import pytest

from testing import make
from tests.h5.phones import face

pytestmark = pytest.mark.once


class Traffic:
    """What went over the wire, by the browser's own count."""

    def __init__(self, page):
        self.sent: dict[str, str] = {}
        self.bytes = 0
        self.cdp = page.context.new_cdp_session(page)
        self.cdp.send("Network.enable")
        self.cdp.on("Network.requestWillBeSent", self._asked)
        self.cdp.on("Network.requestServedFromCache", self._kept)
        self.cdp.on("Network.loadingFinished", self._came)
        self.cdp.on("Network.responseReceived", self._answered)

    def _asked(self, event):
        if not event["request"]["url"].startswith("data:"):
            self.sent[event["requestId"]] = event["request"]["url"]

    def _kept(self, event):
        self.sent.pop(event["requestId"], None)

    def _answered(self, event):
        if event["response"].get("fromDiskCache"):
            self.sent.pop(event["requestId"], None)

    def _came(self, event):
        self.bytes += event["encodedDataLength"]


def test_the_first_page_and_the_second_visit(phone):
    packet = make.make_paid_packet()
    found = []
    page = phone.open(
        f"/h5/packet/{packet.public_id}",
        "u1",
        before=lambda page: found.append(Traffic(page)),
        is_new=True,
    )
    face(page, "envelope")
    page.wait_for_timeout(300)
    first = found[0]

    assert len(first.sent) < 10, list(first.sent.values())
    assert first.bytes < 60_000
    assert not any("/session" in url for url in first.sent.values())
    print(f"first page: {len(first.sent)} requests, {first.bytes} bytes")

    again = Traffic(page)
    page.reload()
    face(page, "no-token")
    page.wait_for_timeout(200)

    assert [url.rpartition("/")[2] for url in again.sent.values()] == [packet.public_id]


@pytest.mark.parametrize("path", ["send?for=group&id=g1", "wallet", "records", "wallet/topup"])
def test_no_screen_is_heavy(phone, path):
    make.make_group("alice", "u1")
    found = []
    page = phone.open(
        f"/h5/{path}", "u1", is_new=True, before=lambda page: found.append(Traffic(page))
    )
    page.wait_for_selector("main:not([data-face=loading])")
    page.wait_for_timeout(200)

    assert found[0].bytes < 90_000


def test_how_long_a_slow_phone_takes(phone):
    packet = make.make_paid_packet()

    def slow(page):
        cdp = page.context.new_cdp_session(page)
        cdp.send("Network.enable")
        cdp.send("Emulation.setCPUThrottlingRate", {"rate": 4})
        speed = 1_600_000 / 8
        cdp.send(
            "Network.emulateNetworkConditions",
            {"offline": False, "latency": 150, "downloadThroughput": speed,
             "uploadThroughput": speed},
        )  # fmt: skip
        page.add_init_script("""
          window.shift = 0;
          window.longest = 0;
          const watch = (type, take) => new PerformanceObserver(
            (list) => list.getEntries().forEach(take)).observe({type, buffered: true});
          watch('layout-shift', (one) => { shift += one.value; });
          watch('longtask', (one) => { longest = Math.max(longest, one.duration); });
        """)

    host = {"init": {"version": 1, "capabilities": []}}
    page = phone.open(f"/h5/packet/{packet.public_id}", "u1", before=slow, host=host, is_new=True)
    face(page, "envelope")
    took = page.evaluate("performance.now()")

    print(f"開 after {took:.0f} ms, longest task {page.evaluate('longest'):.0f} ms")
    assert page.evaluate("shift") <= 0.05

    make.user("u1").post(f"packets/{packet.public_id}/grab", key="")
    page.route("**/api/v1/packets/*", hundredfold)
    page.evaluate("shift = 0; longest = 0; asked = performance.now()")
    page.evaluate("tellPage('refresh', {})")
    face(page, "luck")
    assert page.get_by_role("listitem").count() == 100
    took = page.evaluate("performance.now() - asked")
    print(f"100 rows after {took:.0f} ms, longest task {page.evaluate('longest'):.0f} ms")


def hundredfold(route):
    """The packet, with a hundred who took a share."""
    answer = route.fetch()
    said = answer.json()
    people = [{**said["shares"][0]["user"], "user_id": f"m{n}"} for n in range(100)]
    said["shares"] = [{**said["shares"][0], "user": person} for person in people]
    route.fulfill(response=answer, json=said)
