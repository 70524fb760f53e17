"""A page about one thing: a sentence, its money, tables and a timeline. Templates render it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import count
from typing import Any

from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _

from office.frame import find, reader
from office.frame.charts import Chart

LONG = 2  # sections; a page with more has a table of contents
# Sections whose figures are read down their columns: on a telephone they stay tables.
SUMS = {"days", "held", "made-of", "moved", "sides"}
_PUT = count()


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of the money bar."""

    tone: str  # taken | returned | waiting
    label: Any
    amount: Decimal


@dataclass(frozen=True)
class Bar:
    total: Decimal
    parts: Sequence[Part]

    def stretches(self) -> list[dict]:
        """Where each part begins and how long it is, in thousandths, as SVG wants it."""
        begin, out = 0, []
        for part in self.parts:
            width = int(part.amount * 1000 / self.total) if self.total else 0
            out.append({"part": part, "begin": begin, "width": width})
            begin += width
        return out


@dataclass
class Section:
    """One block of a page: a table, a timeline, or raw text."""

    title: Any
    columns: Sequence[Any] = ()
    rows: Sequence[Sequence[Any]] = ()
    entries: Sequence["Entry"] = ()
    raw: str = ""
    note: Any = ""
    older: str = ""  # the address of the next, older page
    empty: Any = field(default_factory=lambda: _("nothing"))
    name: str = ""  # an anchor
    choices: Sequence["Choice"] = ()  # what else it can show
    warning: Any = ""  # shown at the top of the page

    def heads(self) -> list[tuple[Any, bool]]:
        """Each column's heading, and whether it stands over amounts."""
        first = self.rows[0] if self.rows else [""] * len(self.columns)
        return [
            (head, '<span class="yuan"' in str(cell))
            for head, cell in zip(self.columns, first, strict=True)
        ]

    def cells(self) -> list[list[tuple[Any, Any]]]:
        """Each row's, with their columns' headings: on a telephone a row is a card."""
        return [list(zip(self.columns, row, strict=True)) for row in self.rows]

    @property
    def is_cards(self) -> bool:
        return self.name not in SUMS


Cell = Callable[[Any], Any]


def table(title: Any, rows: Iterable[Any], cells: Sequence[tuple[Any, Cell]], name: str) -> Section:
    """A section of rows, declared by its columns: the heading of each, and what stands below it."""
    told = [[cell(row) for _head, cell in cells] for row in rows]
    return Section(title, [head for head, _cell in cells], told, name=name)


@dataclass(frozen=True, slots=True)
class Choice:
    """A link above a section that shows more or less of it."""

    title: Any
    url: str
    is_current: bool


@dataclass(frozen=True)
class Entry:
    """One line of a timeline: when, who, what."""

    at: datetime
    who: Any
    text: Any
    tone: str = "system"  # user | staff | channel | system
    detail: Any = ""
    order: int = field(default_factory=lambda: next(_PUT))

    @property
    def time(self) -> str:
        return moment(self.at, is_exact=True)


@dataclass
class Page:
    sentence: Any
    title: Any = ""  # what it is; else the model's name
    badges: Sequence[Any] = ()
    warnings: Sequence[Any] = ()
    bar: Bar | None = None
    facts: Sequence[tuple[Any, Any]] = ()
    sections: list[Section] = field(default_factory=list)
    charts: Sequence[Chart] = ()
    refresh_s: int = 0  # the browser asks again; 0: it does not

    @property
    def places(self) -> list[Section]:
        """The sections that a long page leads to from its top."""
        named = [section for section in self.sections if section.name]
        return named if len(named) > LONG else []


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """Oldest first; what happened in one moment stays in the order in which it was told."""
    return sorted(entries, key=lambda entry: (entry.at, entry.order))


def yuan(amount: Decimal | None) -> str:
    """An amount, right-aligned with two places."""
    return format_html('<span class="yuan">{}</span>', "-" if amount is None else f"{amount:,.2f}")


def badge(word: str, text: Any) -> str:
    """A state: a colour and a word."""
    return format_html('<span class="badge badge-{}">{}</span>', word, text)


def toned(field: str, choices: Any, **tones: str) -> Callable[[Any], str]:
    """How a row's choice is shown: in its words and the tone of its value, each of them named."""
    tone_of = {value: tones[value.name.lower()] for value in choices}
    return lambda row: badge(tone_of[getattr(row, field)], getattr(row, f"get_{field}_display")())


def moment(at: datetime | None, *, is_exact: bool = False) -> str:
    """A moment; to the millisecond where it can matter who was first."""
    if at is None:
        return "-"
    here = localtime(at)
    text = here.strftime("%Y-%m-%d %H:%M:%S")
    if not is_exact:
        return format_html('<time datetime="{}">{}</time>', here.isoformat(), text)
    return format_html(
        '<time datetime="{}">{}<span class="ms">.{:03}</span></time>',
        here.isoformat(),
        text,
        here.microsecond // 1000,
    )


def found(word: str, text: Any = "") -> str:
    """A link that finds what bears this id or number, whatever it is."""
    if not word:
        return "-"
    if not find.may_find(reader.may):
        return format_html('<span class="id">{}</span>', text or word)
    return format_html(
        '<a class="id" href="{}?{}">{}</a>',
        reverse("admin:find"),
        urlencode({"q": word}),
        text or word,
    )


def link(url: str, text: Any) -> str:
    return format_html('<a href="{}">{}</a>', url, text)


def to(row: Any, text: Any) -> str:
    """The text, as a link to the row's page for those who may open it."""
    return link(page_of(row), text) if reader.may_open(row) else format_html("{}", text)


def page_of(obj) -> str:
    """The address of a row's page."""
    meta = obj._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[obj.pk])


def list_of(model) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def found_by(model, column: str, label: Any, permission: str) -> None:
    """Let the box find a row by its own number; it is told by its amount."""

    @find.finder(label, permission)
    def exactly(word: str) -> Iterable[find.Hit]:
        for row in model.objects.filter(**{column: word}):
            yield find.Hit(page_of(row), word, f"{row.amount:,.2f}")
