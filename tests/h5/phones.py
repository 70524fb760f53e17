"""Chromium as a phone: pages of /h5/ with a token, and perhaps with a chat app around them."""

import json
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Error, Page, Route

from sandbox.management.commands.token import token
from testing.browser import PATIENCE_MS, Watch

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


class Kept:
    """Contexts that one phone after another uses: a new one starts processes, and takes a second of
    the processor's time where a page in a cleaned one takes a third. An empty page stays open in
    each, so that its process stays, too."""

    def __init__(self, browser: Browser):
        self.browser = browser
        self._free: dict[str, list[BrowserContext]] = {}
        self._kinds: dict[BrowserContext, str] = {}

    def take(self, **options) -> BrowserContext:
        kind = repr(options)
        if self._free.get(kind):
            return self._free[kind].pop()
        context = self.browser.new_context(**options)
        context.new_page()
        self._kinds[context] = kind
        return context

    def give_back(self, context: BrowserContext) -> None:
        """As new, or closed: a clock that was set cannot be taken out again."""
        try:
            if self._is_as_new(context):
                self._free.setdefault(self._kinds[context], []).append(context)
                return
        except Error:  # it has crashed, or somebody has closed it
            pass
        context.close()

    def _is_as_new(self, context: BrowserContext) -> bool:
        if context not in self._kinds:
            return False
        empty, *pages = context.pages
        for page in pages:
            page.close()
        context.set_offline(False)
        session = context.new_cdp_session(empty)
        session.send("Storage.clearDataForOrigin", {"origin": "*", "storageTypes": "all"})
        session.detach()
        context.clear_cookies()
        return empty.evaluate("setTimeout.toString().includes('[native code]')")


@dataclass
class Phone:
    base: str
    kept: Kept
    watch: Watch = field(default_factory=Watch)
    contexts: list[BrowserContext] = field(default_factory=list)

    @property
    def browser(self) -> Browser:
        return self.kept.browser

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
        is_new: bool = False,
        **options,
    ) -> Page:
        """`host`: what a native one says, by message; `before(page)`: routes, before the page;
        `is_new`: a browser that has never been here, with nothing in its cache."""
        made = self.browser.new_context if is_new else self.kept.take
        context = self.watch.over(
            made(
                locale="zh-CN" if language == "zh-Hans" else "en-GB",
                **({"reduced_motion": "reduce"} | options),
            )
        )
        self.contexts.append(context)
        page = context.new_page()
        page.set_viewport_size({"width": width, "height": 844})
        page.emulate_media(color_scheme=theme)
        page.set_default_timeout(PATIENCE_MS)
        if host is not None:
            page.add_init_script(f"{NATIVE}\nwindow.answers = {json.dumps(host)};")
        if before:
            before(page)
        page.goto(f"{self.base}{path}" + (f"#token={token(user, ttl)}" if user else ""))
        return page

    def close(self) -> None:
        for context in self.contexts:
            self.watch.leave(context)
            self.kept.give_back(context)
        self.contexts.clear()


def face(page: Page, wanted: str) -> None:
    page.wait_for_selector(f'main[data-face="{wanted}"]')


def said(page: Page, kind: str) -> list[dict]:
    """What the page has told its native host."""
    return page.evaluate("kind => window.said.filter((one) => one.type === kind)", kind)


def heard(page: Page, kind: str) -> dict:
    """The first of a kind, waited for (wait_for_function wants eval, and the policy refuses)."""
    until(page, lambda: said(page, kind), f"the host has heard no {kind}")
    return said(page, kind)[0]


def until(page: Page, is_so, otherwise: str) -> None:
    """Waits for what no selector tells."""
    for _ in range(PATIENCE_MS // 20):
        if is_so():
            return
        page.wait_for_timeout(20)
    raise AssertionError(otherwise)


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
