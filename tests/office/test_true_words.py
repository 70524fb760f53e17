"""Chinese pages speak Chinese: no English, no code, no name of a class gets through."""

import re
from html.parser import HTMLParser

import pytest
from django.utils import timezone

from office import roles
from payments.tests.conftest import alipay  # noqa: F401 - a fixture
from tests.office import pressing, world

ALLOWED = {"English", "CSV", "XLSX", "ID", "IP", "App", "SHA-256", "H5", "s"}
ALLOWED |= {"Enter", "j", "k", "x", "u"}  # keys
# What people and channels are called, and what they wrote, in the world of this test.
NAMES = {"alice", "bob", "admin", "accounts", "support", "auditor", "finance-maker", "manage.py"}
NAMES |= {"csv", "test", "finance-checker", "Carol", "Allow", "pretend", "App-ID", "g1", "ticket"}
WRITTEN = (
    "reported as a scam",
    "the sender says it was claimed",
    "goodwill after an outage",
    "alice's first",
)
NUMBER = re.compile(r"[0-9a-f]{40,}|(rp_?|hb|rf|adj_|g-s|[us])[0-9a-z]*|\d[\d\-T:.]*")
STAFF = ("/admin/auth/", "/admin/password_change/")  # Django's own, by rights of its own


# What programs read, as they read it.
RECORDS = (*STAFF, "/admin/kit/event/", "/admin/admin/logentry/")


class Shown(HTMLParser):
    """The texts of a page, but for what is shown raw."""

    def __init__(self, html: str):
        super().__init__()
        self.texts: list[str] = []
        self._hidden = 0
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self._hidden += tag in ("script", "style", "pre")
        self.texts += [v for k, v in attrs if k in ("aria-label", "placeholder", "title") and v]

    def handle_endtag(self, tag):
        self._hidden -= tag in ("script", "style", "pre")

    def handle_data(self, data):
        if not self._hidden:
            self.texts.append(data.strip())


def strange(text: str) -> list[str]:
    for written in WRITTEN:
        text = text.replace(written, "")
    words = [word.rstrip(":.") for word in re.findall(r"[A-Za-z_0-9]*[A-Za-z_][\w.:\-]*", text)]
    return [w for w in words if w not in ALLOWED | NAMES and not NUMBER.fullmatch(w)]


@pytest.mark.once
@pytest.mark.parametrize("by_each", [False, pytest.param(True, marks=pytest.mark.nightly)])
def test_chinese_pages_hold_no_other_latin_words(alipay, by_each):  # noqa: F811
    """Each page once, and by night each one as each role sees it."""
    people = world.build(timezone.now())
    known = None if by_each else set[tuple]()
    met: dict[str, str] = {}

    for role in (roles.SUPPORT, roles.MAKER, roles.CHECKER, roles.AUDITOR):
        sitting = people.sit(role, "zh-hans")
        walked = pressing.walk(sitting, "zh-hans", is_pressing=False, known=known)
        for url, html in walked.pages.items():
            for text in () if url.startswith(STAFF) else Shown(html).texts:
                met |= dict.fromkeys(strange(text), f"{url}: {text[:80]}")

    assert met == {}


@pytest.mark.once
def test_chinese_exports_hold_no_other_latin_words():
    people = world.build(timezone.now())
    met: dict[str, str] = {}

    for role in (roles.MAKER, roles.AUDITOR):
        sitting = people.sit(role, "zh-hans")
        for url in pressing.links_of(sitting.get("/admin/"), "/admin/"):
            answer = sitting.post(f"{url}export/", {"format": "csv"})
            text = b"".join(answer).decode() if answer.status_code == 200 else ""
            for line in () if url.startswith(RECORDS) else text.splitlines():
                met |= dict.fromkeys(strange(line), f"{url}: {line[:200]}")

    assert met == {}


def test_strange_words_are_seen():
    assert strange("1.00 元从 platform 转到 wallet:bob") == ["platform", "wallet:bob"]
    assert strange("渠道 SUCCESS，<Case: 3> False") == ["SUCCESS", "Case", "False"]
    assert strange("alice 的红包 rp_agrbz4lk2szapwn") == []
