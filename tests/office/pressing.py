"""Walk through the back office as somebody of a role would: every link opened, every button
pressed, by HTTP. What is kept is where he came and what was wrong."""

import re
from collections import deque
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from testing.desk import Desk

_KEY = re.compile(r"/(?!(?:do|new|export|find)/)[^/]+/(change|history)/")
_REST = {"_changelist_filters"}
# Pressed at last or not at all: they end the walk.
ENDS = ("/admin/logout/", "/admin/password_change/")


@dataclass
class Form:
    action: str
    method: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Walk:
    """What one person met. `kinds` has one address of each kind of page."""

    pages: dict[str, str] = field(default_factory=dict)  # address -> html
    kinds: dict[str, str] = field(default_factory=dict)
    opened: int = 0  # links
    pressed: int = 0  # buttons
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.opened} links opened, {len(self.pages)} pages, {self.pressed} buttons pressed"
        )


class Reader(HTMLParser):
    """The links and the forms of a page."""

    def __init__(self, html: str, url: str):
        super().__init__()
        self.url, self.forms = url, list[Form]()
        self.links: list[str] = []
        self._within: list[Form] = []
        self._area = self._choice = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        given = {name: value or "" for name, value in attrs}
        form = self._within[-1] if self._within else None
        if tag == "a" and "href" in given:
            self.links.append(urljoin(self.url, given["href"]).partition("#")[0])
        elif tag == "form":
            action = urljoin(self.url, given.get("action") or self.url)
            self._within.append(Form(action, given.get("method", "get").lower()))
            self.forms.append(self._within[-1])
        elif form is None:
            return
        elif tag == "button" or (tag == "input" and given.get("type") == "submit"):
            form.buttons.append((given.get("name", ""), given.get("value", "")))
        elif tag == "textarea":
            form.fields.append((given.get("name", ""), "because it is so"))
        elif tag == "select":
            self._choice = given.get("name", "")
        elif tag == "option" and self._choice and given.get("value"):
            form.fields.append((self._choice, given["value"]))
            self._choice = ""
        elif tag == "input" and given.get("name"):
            is_box = given.get("type") in ("checkbox", "radio")
            if not is_box or "checked" in given or given["name"] == "_selected_action":
                form.fields.append((given["name"], given.get("value", "")))

    def handle_endtag(self, tag):
        if tag == "form" and self._within:
            self._within.pop()
        if tag == "select":
            self._choice = ""


def shape(url: str) -> tuple[str, frozenset[str]]:
    """What an address is an example of: its page, and which parameters it is given."""
    parts = urlsplit(url)
    path = _KEY.sub(r"/*/\1/", parts.path)
    return path, frozenset(name for name, _ in parse_qsl(parts.query)) - _REST


def walk(
    sitting: Desk,
    language: str,
    *,
    is_pressing: bool = True,
    known: set[tuple] | None = None,
    who: str = "",
) -> Walk:
    """Every link and every button from the desk on, by an example of each kind.

    Walks that are given the same `known` leave to each other what one of them has met: a list with
    one of its filters, a search, and what is `who`'s own, a page about one row or a button that
    changes something. Each opens every bare page: it leads others elsewhere."""
    walked, met, known = Walk(), set[tuple](), set() if known is None else known
    waiting = deque([("/admin/", "")])
    forms: dict[tuple, tuple[str, Form, tuple[str, str]]] = {}
    while waiting:
        url, came_from = waiting.popleft()
        walked.opened += 1
        page = _look(walked, sitting.get(url), url, came_from, language)
        for link in page.links:
            kind = _, given = shape(link)
            mine = (who if "pk" in given else "", *kind)
            is_more = len(given - {"q"}) > 1 and not {"before", "p"} & given
            if not link.startswith("/admin/") or kind in met or is_more or mine in known:
                continue
            met.add(kind)
            known |= {mine} if given else set()
            waiting.append((link, url))
        for form in page.forms:
            for button in form.buttons:
                is_everywhere = form.action.startswith("/admin/find/")
                place = "" if is_everywhere else shape(url)[0]
                whose = who if form.method == "post" else ""
                forms.setdefault((whose, place, shape(form.action), *button), (url, form, button))
    for control, (url, form, button) in forms.items() if is_pressing else ():
        if control not in known:
            known.add(control)
            _press(walked, sitting, url, form, button, language)
    return walked


def _press(walked, sitting, url, form, button, language):
    if form.method == "dialog" or form.action.startswith(ENDS) or "setlang" in form.action:
        return
    given: dict[str, list[str]] = {}
    for name, value in [*form.fields, button]:
        if name:
            given.setdefault(name, []).append(value)
    if form.method == "post":
        answer = sitting.post(form.action, given)
    else:
        answer = sitting.get(f"{form.action.partition('?')[0]}?{urlencode(given, doseq=True)}")
    walked.pressed += 1
    said = f"{url} by {button} of {form.action}"
    page = _look(walked, answer, form.action, said, language, is_kept=False)
    for link in page.links if "Location" in answer.headers else ():
        _look(walked, sitting.get(link), link, said, language, is_kept=False)


def _look(walked, answer, url, came_from, language, is_kept=True) -> Reader:
    page = Reader("", url)
    if answer.status_code >= 400:
        walked.faults.append(f"{answer.status_code} {url} from {came_from}")
    elif "Location" in answer.headers:
        page.links.append(urljoin(url, answer.headers["Location"]).partition("#")[0])
    elif "html" in answer.headers.get("Content-Type", ""):
        html = answer.content.decode()
        if f'lang="{language}"' not in html or "%(" in html:
            walked.faults.append(f"not in {language}: {url}")
        if is_kept:  # nobody goes on from the others: half of the time would go into reading them
            page = Reader(html, url)
            walked.pages[url] = html
            walked.kinds.setdefault(shape(url)[0], url)
    return page


def links_of(answer, url: str) -> list[str]:
    """The lists that a page leads to."""
    found = Reader(answer.content.decode(), url).links
    return [link for link in dict.fromkeys(found) if re.fullmatch(r"/admin/\w+/\w+/", link)]
