"""Chromium as a phone: pages of /h5/ with a token, and perhaps with a chat app around them."""

import json
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from urllib.parse import urlsplit

from django.test.testcases import LiveServerThread
from playwright.sync_api import Browser, BrowserContext, Page, Route

from sandbox.management.commands.token import token
from tests.office.browser import Watch

LANGUAGES = ("zh-Hans", "en")
NATIVE = """
window.said = [];
window.HongbaoHost = {
  postMessage(text) { window.said.push(JSON.parse(text)); window.answer(JSON.parse(text)); },
};
window.tellPage = (type, data, more = {}) =>
  window.hongbao.receive(JSON.stringify({hongbao: 1, type, data, ...more}));
window.answer = (message) => {
  const known = window.answers || {};
  if (message.type === 'ready' && known.init) tellPage('init', known.init);
  const told = message.id && known[message.type];
  if (told) tellPage(message.type, told, {re: message.id});
};
"""
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def serve() -> LiveServerThread:
    """The product with its own middleware before the files, as whitenoise serves them."""
    thread = LiveServerThread("127.0.0.1", lambda application: application)
    thread.daemon = True
    thread.start()
    thread.is_ready.wait()
    if thread.error:
        raise thread.error
    return thread


@dataclass
class Phone:
    base: str
    browser: Browser
    watch: Watch = field(default_factory=Watch)
    contexts: list[BrowserContext] = field(default_factory=list)

    def open(
        self,
        path: str,
        user: str | None = "u1",
        *,
        language: str = "zh-Hans",
        theme: str = "light",
        width: int = 390,
        host: dict | None = None,
        ttl: int = 3600,
        before=None,
        **options,
    ) -> Page:
        """`host`: what a native one says, by message; `before(page)`: routes, before the page."""
        context = self.watch.over(
            self.browser.new_context(
                viewport={"width": width, "height": 844},
                locale="zh-CN" if language == "zh-Hans" else "en-GB",
                color_scheme=theme,
                **({"reduced_motion": "reduce"} | options),
            )
        )
        self.contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        if host is not None:
            page.add_init_script(f"{NATIVE}\nwindow.answers = {json.dumps(host)};")
        if before:
            before(page)
        page.goto(f"{self.base}{path}" + (f"#token={token(user, ttl)}" if user else ""))
        return page

    def close(self) -> None:
        for context in self.contexts:
            context.close()
        self.contexts.clear()


def face(page: Page, wanted: str) -> None:
    page.wait_for_selector(f'main[data-face="{wanted}"]')


def said(page: Page, kind: str) -> list[dict]:
    """What the page has told its native host."""
    return page.evaluate("kind => window.said.filter((one) => one.type === kind)", kind)


def heard(page: Page, kind: str) -> dict:
    """The first of a kind, waited for (wait_for_function wants eval, and the policy refuses)."""
    for _ in range(160):
        if found := said(page, kind):
            return found[0]
        page.wait_for_timeout(50)
    raise AssertionError(f"the host has heard no {kind}")


def lose(route: Route) -> None:
    """The service hears it, and nobody hears the service."""
    route.fetch()
    route.abort()


class Counter:
    """Requests to a path, let through or dealt with by `first` so often as it says."""

    def __init__(self, page: Page, part: str, *first):
        self.seen: list[tuple[str, str | None]] = []
        self.bodies: list[str | None] = []
        self.first = list(first)
        page.route(lambda url: part in urlsplit(url).path, self._hear)

    def _hear(self, route: Route) -> None:
        request = route.request
        self.seen.append((request.method, request.headers.get("idempotency-key")))
        self.bodies.append(request.post_data)
        if self.first:
            self.first.pop(0)(route)
        else:
            route.continue_()


def answer(status: int, code: str, retry_after: int | None = None, **more):
    """A problem, as the service would have said it."""

    def run(route: Route) -> None:
        headers = {"Content-Type": "application/problem+json", "X-Request-ID": "r-1"}
        if retry_after is not None:
            headers["Retry-After"] = str(retry_after)
        problem = {"status": status, "code": code, "request_id": "r-1", **more}
        route.fulfill(status=status, headers=headers, body=json.dumps(problem))

    return run


@cache
def _axe() -> str:
    return (resources.files("axe_playwright_python") / "axe.min.js").read_text()


def faults(page: Page) -> list[str]:
    """What axe has against it; the policy refuses script tags, so it comes by the debugger."""
    if not page.evaluate("() => Boolean(window.axe)"):
        page.evaluate(_axe())
    found = page.evaluate(
        "tags => axe.run(document, {runOnly: tags, resultTypes: ['violations']})", TAGS
    )
    return [
        f"{rule['id']}: {node['html'][:120]} {node['failureSummary'][:160]}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


def overflow(page: Page) -> int:
    return page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
