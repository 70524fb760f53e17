"""Chinese pages speak Chinese: no English, no code, no name of a class gets through, and no mark
of another script stands between the words."""

import csv
import re
from html.parser import HTMLParser

import pytest
from django.conf import settings
from django.utils import timezone

from office import roles
from payments.tests.conftest import alipay  # noqa: F401 - a fixture
from testing.wide import narrow
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
            self.texts.append(data.strip("\n"))  # a space beside a mark is seen


def ours(text: str) -> str:
    for written in WRITTEN:
        text = text.replace(written, "")
    return text


def strange(text: str) -> list[str]:
    text = ours(text)
    words = [word.rstrip(":.") for word in re.findall(r"[A-Za-z_0-9]*[A-Za-z_][\w.:\-]*", text)]
    return [w for w in words if w not in ALLOWED | NAMES and not NUMBER.fullmatch(w)]


@pytest.mark.once
@pytest.mark.parametrize("by_each", [False, pytest.param(True, marks=pytest.mark.nightly)])
def test_chinese_pages_hold_no_other_latin_words_and_no_narrow_marks(alipay, by_each):  # noqa: F811
    """Each page once, and by night each one as each role sees it."""
    people = world.build(timezone.now())
    known = None if by_each else set[tuple]()
    met: dict[str, str] = {}

    for role in (roles.SUPPORT, roles.MAKER, roles.CHECKER, roles.AUDITOR):
        sitting = people.sit(role, "zh-hans")
        walked = pressing.walk(sitting, "zh-hans", is_pressing=False, known=known)
        for url, html in walked.pages.items():
            for text in () if url.startswith(STAFF) else Shown(html).texts:
                found = strange(text) + narrow(ours(text))
                met |= dict.fromkeys(found, f"{url}: {text[:80]}")

    assert met == {}


@pytest.mark.once
def test_chinese_exports_hold_no_other_latin_words_and_no_narrow_marks():
    people = world.build(timezone.now())
    met: dict[str, str] = {}

    for role in (roles.MAKER, roles.AUDITOR):
        sitting = people.sit(role, "zh-hans")
        for url in pressing.links_of(sitting.get("/admin/"), "/admin/"):
            answer = sitting.post(f"{url}export/", {"format": "csv"})
            text = b"".join(answer).decode() if answer.status_code == 200 else ""
            for line in () if url.startswith(RECORDS) else text.splitlines():
                marks = [
                    mark for cell in next(csv.reader([line]), []) for mark in narrow(ours(cell))
                ]
                met |= dict.fromkeys(strange(line) + marks, f"{url}: {line[:200]}")

    assert met == {}


JOINED = re.compile(r"""\}[,;:] \{|\} ["'] [+]|["'][,;:]? ["'][.]join|["'][,;:]? ["'] [+]""")
FOR_PROGRAMS = {
    "office/frame/staff.py": 1,  # Django's own log
    "office/frame/typed.py": 1,  # what somebody typed
}


@pytest.mark.once
def test_words_are_joined_by_the_readers_marks_alone():
    """By `kit/marks.py`: a page that no walk meets has them, too."""
    found = {
        path.relative_to(settings.BASE_DIR).as_posix(): len(joins)
        for room in ("pages", "shown", "frame", "export")
        for path in (settings.BASE_DIR / "office" / room).rglob("*.py")
        if (joins := JOINED.findall(path.read_text()))
    }

    assert found == FOR_PROGRAMS


def test_strange_words_are_seen():
    assert strange("1.00 元从 platform 转到 wallet:bob") == ["platform", "wallet:bob"]
    assert strange("渠道 SUCCESS，<Case: 3> False") == ["SUCCESS", "Case", "False"]
    assert strange("alice 的红包 rp_agrbz4lk2szapwn") == []
