"""Nothing that axe knows is wrong on any page that any role sees: on a telephone and on a desk, in
the dark and by day."""

import re
from collections.abc import Iterable, Sequence
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
PARTS = 8  # of all looks at all pages, which together take minutes where nothing else runs
# Ids of one piece and short words that are cut in two where a page is a table, on a tablet.
TABLET = 820
CUT = r"""() => [...document.querySelectorAll('#content td, #content .id')].filter(cell => {
    const range = document.createRange();
    range.selectNodeContents(cell);
    const tops = [...range.getClientRects()].filter(rect => rect.width).map(rect => rect.top);
    const isOne = /^([\w:./]{8,34}|[\u4e00-\u9fff]{2,4})$/.test(cell.innerText.trim());
    return isOne && Math.max(...tops) - Math.min(...tops) > 12;
}).map(cell => cell.innerText.trim())"""
# A list that is scrolled sideways hides cells, below the buttons of a row as well.
HIDDEN = """() => Math.max(0, ...[...document.querySelectorAll('.results')]
    .map(list => list.scrollWidth - list.clientWidth))"""
DESKS = (1024, 1280, 1366, 1440)
LOOKS = (("dark", 390), ("light", 1440), ("light", 390), ("dark", 1440))
_TELLING = re.compile(r'\b(?:class|role|type|open|data-kind|tone)="[^"]*"')

pytestmark = pytest.mark.once


@pytest.fixture
def people(monkeypatch, alipay):  # noqa: F811
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    return world.build(timezone.now())


def test_axe_finds_nothing_on_a_page_of_each_kind(people):
    """Each in one theme and width, in turns."""
    kinds: dict[str, tuple[str, str]] = {}
    for name, html in _of_everybody(people, set()).items():
        kinds.setdefault(pressing.shape(name.rpartition(" ")[2])[0], (name, html))

    looked = _look((*page, [LOOKS[at % 4]]) for at, page in enumerate(kinds.values()))

    assert looked > 60


@pytest.mark.nightly
@pytest.mark.parametrize("part", range(PARTS))
def test_axe_finds_nothing_on_any_page_of_any_role_in_any_look(people, part):
    pages = list(_of_everybody(people, None).items())

    looked = _look((*page, LOOKS) for page in pages[part::PARTS])

    assert looked > 1000 // PARTS


def _look(some: Iterable[tuple[str, str, Sequence[tuple[str, int]]]]) -> int:
    """Name, html, looks -> how many looks, without a fault."""
    found, looked = [], 0
    with chromium() as browser:
        page = browser.new_context().new_page()
        served: dict[str, str] = {}
        page.route("**/*", lambda route: _answer(route, served))
        for name, html, looks in some:
            served["/shown/"] = html
            page.goto(f"{BASE}/shown/", wait_until="load")
            page.add_style_tag(content="* { transition: none !important; }")
            for width in (*DESKS, TABLET):
                page.set_viewport_size({"width": width, "height": 900})
                if hidden := page.evaluate(HIDDEN):
                    found.append(f"{name} {width}: {hidden} px are out of sight")
            found += [f"{name} cut in two: {word}" for word in page.evaluate(CUT)]
            for theme, width in looks:
                page.emulate_media(color_scheme=theme)
                page.set_viewport_size({"width": width, "height": 900})
                found += [f"{name} {theme} {width}: {fault}" for fault in faults(page)]
                looked += 1
    assert not found, "\n".join(found)
    return looked


def _of_everybody(people: world.World, known: set[tuple] | None) -> dict[str, str]:
    """Who and where -> html; of pages that differ in words and numbers alone the first."""
    pages: dict[str, str] = {}
    met = set[tuple[str, ...]]()
    for number, role in enumerate(world.ROLES):
        language = ("zh-hans", "en")[number % 2]
        sitting = people.sit(role, language)
        walked = pressing.walk(sitting, language, is_pressing=False, known=known)
        for url, html in walked.pages.items():
            if (bones := _bones(html)) not in met:
                met.add(bones)
                pages[f"{role} {url}"] = html
    for url in ("/admin/nowhere/", "/admin/office/staffaction/"):
        pages[url] = people.people[world.ROLES[0]].get(url).content.decode()
    stranger = Client(headers={"Accept-Language": "zh-CN"})
    pages["/admin/login/"] = stranger.get("/admin/login/").content.decode()
    return pages


def _bones(html: str) -> tuple[str, ...]:
    """What axe goes by: tags with their kinds. How many alike follow each other is no matter."""
    tags = re.findall(r"<(\w+)([^>]*)>", html.partition("<body")[2])
    bones = [f"{tag} {' '.join(_TELLING.findall(rest))}" for tag, rest in tags]
    return tuple(sorted(set(bones)))


def _answer(route, pages: dict[str, str]) -> None:
    path = urlsplit(route.request.url).path
    if path in pages:
        route.fulfill(body=pages[path], content_type="text/html; charset=utf-8")
    elif path.startswith("/static/") and (file := finders.find(path.removeprefix("/static/"))):
        route.fulfill(path=file)
    else:
        route.fulfill(status=404)
