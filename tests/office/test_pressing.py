"""Every link and every button of every role: by HTTP each role's own, in Chinese, each kind once
on the other engine, in English, and by night all of them in both; in Chromium each kind of page at
three widths, with each kind of button pressed. `pytest -rP` tells how many each of them was."""

from collections.abc import Iterator

import pytest
from django.utils import timezone

from office import roles
from payments.tests.conftest import alipay  # noqa: F401 - a fixture
from tests.office import pressing, world

pytest.importorskip("playwright")
from testing.browser import Watch, seated, server

WIDTHS = (390, 820, 1440)
HEADER_MOST = {390: 150, 820: 110, 1440: 64}  # px: the name, the box and the way out
# Who sits where, so that each width has both languages.
SEATS = [
    (roles.SUPPORT, "zh-hans", 390),
    (roles.MAKER, "zh-hans", 820),
    (roles.CHECKER, "en", 1440),
    (roles.AUDITOR, "en", 820),
    (roles.ACCOUNTS, "en", 390),
    (None, "zh-hans", 1440),
]
BUTTONS = (
    "#find button, #content button, #content input[type=submit], summary, button.theme-toggle,"
    "#toggle-nav-sidebar"
)
# The browser remembers which filters were folded.
READY = """() => {
    for (const fold of document.querySelectorAll('details:not(#menu)')) fold.open = true;
    for (const box of document.querySelectorAll('#content textarea'))
    box.value = 'because it is so'; }"""
SAYS = """all => all.map((b) => [
    (b.innerText || b.value || b.ariaLabel || b.id || b.className).trim(),
    b.checkVisibility({visibilityProperty: true}) && b.getClientRects().length > 0])"""
LOOK = """() => [document.documentElement.scrollWidth - window.innerWidth,
    document.querySelector('#header').getBoundingClientRect().height]"""


ACTING = (roles.SUPPORT, roles.MAKER, roles.CHECKER)
LANGUAGES = ("zh-hans", "en")


def walks_of(some, language: str, *, is_each: bool) -> list[pressing.Walk]:
    """Of these roles, one after the other; whether each presses what another has pressed."""
    people, known = world.build(timezone.now()), set[tuple]()
    return [walk_of(people, role, language, known=known, who=str(role) * is_each) for role in some]


def walk_of(people: world.World, role: str | None, language: str, **rest) -> pressing.Walk:
    walked = pressing.walk(people.sit(role, language), language, **rest)
    print(f"{role or 'superuser'}, {language}: {walked}")
    return walked


def faults_of(walks) -> list[str]:
    return [fault for walk in walks for fault in walk.faults]


@pytest.mark.once
@pytest.mark.parametrize("acting", [True, False])
def test_every_link_and_every_button_answers_everybody(alipay, acting):  # noqa: F811
    some = [role for role in world.ROLES if (role in ACTING) is acting]

    walks = walks_of(some, "zh-hans", is_each=True)

    assert faults_of(walks) == []
    assert sum(len(walk.pages) for walk in walks) > 120
    assert sum(walk.pressed for walk in walks) > 150


def test_every_kind_of_link_and_button_answers_on_the_other_engine(on_mariadb, alipay):  # noqa: F811
    """In English: neither engine asks for both languages at once."""
    walks = walks_of(world.ROLES, "en", is_each=False)

    assert faults_of(walks) == []
    assert sum(len(walk.pages) for walk in walks) > 150
    assert sum(walk.pressed for walk in walks) > 80


@pytest.mark.nightly
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("role", world.ROLES)
def test_all_that_a_role_can_press_answers_in_each_language(alipay, role, language):  # noqa: F811
    walked = walk_of(world.build(timezone.now()), role, language)

    assert walked.faults == []
    assert len(walked.pages) > 20 and walked.pressed > 20


@pytest.mark.once
def test_every_kind_of_page_holds_at_every_width(browser, alipay):  # noqa: F811
    people = world.build(timezone.now())
    watch, seen, known, pressed = Watch(), set[str](), set[tuple](), set[str]()
    faults: list[str] = []

    with server() as base:
        for role, language, width in SEATS:
            sitting = people.sit(role, language)
            kinds = pressing.walk(sitting, language, is_pressing=False, known=known).kinds
            page = seated(browser, watch, sitting, base, locale=language, accept_downloads=True)
            for kind in (kind for kind in kinds if kind not in seen):
                page.goto(base + kinds[kind], wait_until="domcontentloaded")
                faults += [f"{kind} at {fault}" for fault in _measured(page)]
                page.set_viewport_size({"width": width, "height": 900})
                for number in _buttons(page, pressed):
                    page.goto(base + kinds[kind], wait_until="domcontentloaded")
                    _press(page, page.locator(BUTTONS).nth(number))
                faults += [f"{kind}: {error}" for error in watch.errors]
                watch.errors.clear()
            seen |= kinds.keys()
            page.context.close()

    assert faults == []
    print(f"{len(seen)} kinds of pages, {len(pressed)} kinds of buttons pressed")
    assert watch.left == []
    assert len(seen) > 60 and len(pressed) > 30


def _measured(page) -> Iterator[str]:
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        wider, header = page.evaluate(LOOK)
        if wider > 0:
            yield f"{width}: {wider} px too wide"
        if header > HEADER_MOST[width]:
            yield f"{width}: a header of {header} px"


def _buttons(page, pressed: set[str]) -> list[int]:
    """Places of the buttons that were not pressed before, by what they say."""
    found = []
    for number, (said, is_visible) in enumerate(page.locator(BUTTONS).evaluate_all(SAYS)):
        if is_visible and said not in pressed:
            pressed.add(said)
            found.append(number)
    return found


def _press(page, button) -> None:
    page.evaluate(READY)
    sends = button.evaluate("b => b.form && b.type == 'submit' && b.form.checkValidity()")
    if not sends:
        button.click()
        return
    with page.expect_response(lambda answer: answer.request.resource_type == "document") as answer:
        button.click()
    assert answer.value.status < 400, (answer.value.url, answer.value.status)
