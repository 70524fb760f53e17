"""Keys and the sum of what is selected, in Chromium: a queue is worked through without a mouse."""

import pytest

from office import roles
from packets.models import RefundReview
from packets.states import ReviewState
from testing import desk
from tests.office.test_review import refunded

pytest.importorskip("playwright")
from testing.browser import Watch, chromium, seated, server

WAIT_MS = 60_000


@pytest.mark.once
def test_a_queue_is_worked_through_by_keys(monkeypatch):
    # Playwright's synchronous interface runs an event loop in this thread; Django minds.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    rows = [refunded(f"{n}0.05", f"s{n}") for n in (1, 2, 3)]
    sitting, watch = desk.staff(roles.MAKER), Watch()
    url = f"{desk.list_of(RefundReview)}?state__exact=0"

    with server() as base, chromium() as browser:
        page = seated(browser, watch, sitting, base, locale="zh-CN")
        page.set_default_timeout(WAIT_MS)
        page.goto(base + url, wait_until="load")

        for key in "jxjx":  # the two newest
            page.keyboard.press(key)
        page.wait_for_function("document.querySelector('#selected-sum').textContent != ''")
        assert page.locator("#selected-sum").inner_text() == "合计 100.20"

        page.fill("#searchbar", "")
        page.focus("#searchbar")
        page.keyboard.type("jx?a")  # typing is no key
        assert page.input_value("#searchbar") == "jx?a"
        assert page.locator("tr.is-here").count() == 1

        page.locator("tr.is-here a").first.focus()
        page.keyboard.press("?")
        page.wait_for_selector("#keys[open]")
        told = page.locator("#keys").inner_text()
        assert "标记为已复核" in told and "提出争议" in told
        page.keyboard.press("Escape")

        page.keyboard.press("a")  # the row's own button: its page
        page.wait_for_url("**/do/mark_reviewed/**")
        page.click(".act-button")
        page.wait_for_selector("[data-go=next]")
        page.keyboard.press("d")  # the next one has opened by itself
        page.wait_for_url("**/do/dispute_refund/**")
        page.fill("#id_reason", "对方否认")
        page.click(".act-button")
        page.wait_for_selector("[data-go=list]")
        page.keyboard.press("u")
        page.wait_for_url(f"{base}{url}")

    states = [RefundReview.objects.get(pk=row.pk).state for row in rows]
    assert states == [ReviewState.DISPUTED, ReviewState.REVIEWED, ReviewState.OPEN]
    assert watch.errors == watch.left == []
