"""Chromium before a server of our own; notes whatever leaves the machine or breaks the policy."""

from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect, sync_playwright

from testing.serving import serve

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    # One process for all pages of a context: each takes a second of the processor's time to start.
    "--renderer-process-limit=1",
    "--disable-site-isolation-trials",
]
PATIENCE_MS = 60_000  # a machine may have much else to do
expect.set_options(timeout=PATIENCE_MS)


@dataclass
class Watch:
    """What one browser did that it should not have."""

    left: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    _over: list[BrowserContext] = field(default_factory=list)

    def over(self, context: BrowserContext) -> BrowserContext:
        self._over.append(context)
        context.on("request", self._asked)
        context.on("console", self._said)
        return context

    def leave(self, context: BrowserContext) -> None:
        if context in self._over:
            self._over.remove(context)
            context.remove_listener("request", self._asked)
            context.remove_listener("console", self._said)

    def _asked(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme != "data" and parts.hostname != "127.0.0.1":
            self.left.append(request.url)

    def _said(self, message) -> None:
        if message.type == "error":
            self.errors.append(message.text)


def server():
    """The product and its files, uncollected."""
    return serve(StaticFilesHandler)


@contextmanager
def chromium():
    with sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


def seated(browser: Browser, watch: Watch, sitting: Client, base: str, **options) -> Page:
    """A page of who sits at the test client, in a context of his own."""
    context = watch.over(browser.new_context(**options))
    host = urlsplit(base).hostname
    for name, value in sitting.cookies.items():
        where = {"domain": host, "path": value["path"] or "/"}  # as set: or nothing can unset it
        context.add_cookies([{"name": name, "value": value.value, **where}])
    return context.new_page()


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than the window, on a phone, a tablet and a desk."""
    found = 0
    for width in (820, 1440, 390):
        page.set_viewport_size({"width": width, "height": 844})
        found += page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    return found
