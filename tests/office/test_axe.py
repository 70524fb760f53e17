"""Nothing that axe knows is wrong on any page of the back office: as a card on a telephone in the
dark, and as a table on a desk by day."""

from collections import deque
from urllib.parse import urlsplit

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from django.utils import timezone

from payments.tests.conftest import alipay  # noqa: F401 - a fixture
from tests.office import pressing, world

pytest.importorskip("playwright")
from testing.browser import chromium
from tests.h5.phones import faults

BASE = "http://127.0.0.1:1"  # nobody's: each answer is given to the browser by hand
LOOKS = (("dark", 390), ("light", 1440))


@pytest.mark.once
def test_axe_finds_nothing_on_any_page(monkeypatch, alipay):  # noqa: F811
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    pages = _one_of_each_kind(world.build(timezone.now()))

    found = []
    with chromium() as browser:
        page = browser.new_context().new_page()
        page.route("**/*", lambda route: _answer(route, pages))
        for kind in pages:
            page.goto(BASE + kind.replace("*", "-"), wait_until="load")
            page.add_style_tag(content="* { transition: none !important; }")
            for theme, width in LOOKS:
                page.emulate_media(color_scheme=theme)
                page.set_viewport_size({"width": width, "height": 900})
                found += [f"{kind} {theme} {width}: {fault}" for fault in faults(page)]

    assert found == []
    assert len(pages) > 60


def _one_of_each_kind(people: world.World) -> dict[str, str]:
    """Kind of page -> html, each as the first one who came to it has seen it."""
    pages: dict[str, str] = {}
    for number, role in enumerate(world.ROLES):
        language = ("zh-hans", "en")[number % 2]
        sitting, waiting = people.sit(role, language), deque(["/admin/"])
        met = {"/admin/"}
        while waiting:
            url = waiting.popleft()
            answer = sitting.get(url)
            if answer.status_code != 200 or "html" not in answer.headers["Content-Type"]:
                continue
            html = answer.content.decode()
            pages.setdefault(pressing.shape(url)[0], html)
            for link in pressing.Reader(html, url).links:
                kind = pressing.shape(link)[0]
                if link.startswith("/admin/") and kind not in met and kind not in pages:
                    met.add(kind)
                    waiting.append(link)
    for url in ("/admin/nowhere/", "/admin/office/staffaction/"):
        pages[url] = people.people[world.ROLES[0]].get(url).content.decode()
    stranger = Client(headers={"Accept-Language": "zh-CN"})
    pages["/admin/login/"] = stranger.get("/admin/login/").content.decode()
    return pages


def _answer(route, pages: dict[str, str]) -> None:
    path = urlsplit(route.request.url).path
    html = next((html for kind, html in pages.items() if kind.replace("*", "-") == path), None)
    if html is not None:
        route.fulfill(body=html, content_type="text/html; charset=utf-8")
    elif path.startswith("/static/") and (file := finders.find(path.removeprefix("/static/"))):
        route.fulfill(path=file)
    else:
        route.fulfill(status=404)
