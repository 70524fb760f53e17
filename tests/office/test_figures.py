"""Every sum that a page shows leads to rows that come to it, or stands below them, or is named here
with the reason: tiles, totals of lists and tables, facts, sides of a bill."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from packets.models import RedPacket
from payments.models import Bill, Case
from testing import make
from testing.desk import Desk, page_of
from tests.office import pressing, world
from tests.office.test_sums import NO_SUMS, ZERO, amount, comes_to, href

# Words of a figure without a link -> why its rows need none.
OWN = "the row's own, no sum"
NAMED = {
    **dict.fromkeys(("amount", "one share", "of a packet of", "paid", "in suspense"), OWN),
    "passes": "what a pass credited is told share by share, on the same page",
    "shares": "one share each, which has no page",
}
# Parts of what all days have: a list of one would want an index, and each row says what it is.
PARTS_WITHOUT_A_LIST = "/admin/wallets/ledgerline/", "/admin/wallets/adjustment/"


@dataclass(frozen=True)
class Figure:
    page: str
    words: str
    amounts: tuple[Decimal, ...]
    url: str = ""
    is_below: bool = False  # its rows stand above it, and come to it


class Noting:
    """A desk that keeps its pages, and what they were made of: nothing changes meanwhile, and most
    of them are led to again and again."""

    def __init__(self, sitting: Desk):
        self.sitting, self.answers = sitting, dict[str, Any]()

    def get(self, url: str):
        if url not in self.answers:
            self.answers[url] = self.sitting.get(url)
        return self.answers[url]


@pytest.mark.once
def test_every_figure_leads_to_rows_that_add_up_to_it():
    now = timezone.now()
    noting = Noting(world.build(now).sit(None, "en"))
    packet, order = make.make_reported_packet(now=now)
    make.confirm(order, now)
    pressing.walk(noting, "en", is_pressing=False)
    for row in (*Bill.objects.all(), *Case.objects.all(), packet, *RedPacket.objects.all()[:5]):
        noting.get(page_of(row))
    contexts = {url: answer.context for url, answer in noting.answers.items()}
    figures = [f for url, c in contexts.items() if c is not None for f in _figures(url, c)]

    wrong = [figure for figure in figures if not _is_explained(figure)]
    led = {figure.url: figure for figure in figures if figure.url}
    wrong += [figure for figure in led.values() if not _comes_to(noting, figure)]

    assert wrong == []
    assert len(led) > 100 and any(figure.is_below for figure in figures)
    assert NAMED.keys() <= {figure.words for figure in figures}, "named, and shown nowhere"


def test_a_figure_that_leads_nowhere_is_noticed():
    page = Figure("/admin/", "made up", (Decimal("1.00"),))

    assert not _is_explained(page)
    assert _is_explained(Figure("/admin/", "amount", (Decimal("1.00"),)))


def _is_explained(figure: Figure) -> bool:
    return bool(figure.url) or figure.is_below or figure.words in NAMED


# --- what a page shows


def _figures(url: str, context: Any) -> Iterator[Figure]:
    for block in context.get("blocks", ()):
        for tile in block.figures:
            if tile.label not in NO_SUMS:
                value = Decimal(str(tile.value).replace(",", ""))
                yield Figure(url, str(tile.label), (value,), tile.url)
    if "cl" in context:
        yield from _of_list(url, context["cl"])
    page = context.get("page")
    for label, value in getattr(page, "facts", ()):
        if _is_money(value):
            yield Figure(url, str(label), (amount(value),), _led(url, value))
    for section in getattr(page, "sections", ()):
        yield from _of_table(url, section)


def _of_list(url: str, changelist: Any) -> Iterator[Figure]:
    totals = getattr(changelist, "totals", ())
    columns = list(getattr(changelist.model_admin, "totals", {}))
    whole = changelist.result_count <= changelist.list_per_page
    for at, total in enumerate(totals):
        if at < len(columns):
            rows = (getattr(row, columns[at]) for row in changelist.result_list)
            is_below = not whole or sum(rows, ZERO) == total.amount
        else:
            is_below = url.startswith(PARTS_WITHOUT_A_LIST)
        led = f"{url.partition('?')[0]}{total.query}" if total.query else ""
        yield Figure(url, str(total.label), (total.amount,), led, is_below)


def _of_table(url: str, section: Any) -> Iterator[Figure]:
    above: list[tuple[Decimal, ...]] = []
    for row in section.rows:
        cells = [cell for cell in row if _is_money(cell)]
        amounts = tuple(amount(cell) for cell in cells)
        words = section.name if not href(row[0]) and section.name in NAMED else _text(row[0])
        sums = tuple(map(sum, zip(*above, strict=True))) if above else ()
        own = [href(cell) for cell in cells]
        if amounts and any(own):
            for each, led in zip(amounts, own, strict=True):
                yield Figure(url, words, (each,), led)
        elif amounts:
            led = next(filter(None, map(href, row)), "")
            yield Figure(url, words, amounts, led, sums == amounts)
        above += [amounts] if amounts else []


def _is_money(cell: Any) -> bool:
    return bool(re.search(r'class="yuan">-?[\d,]+\.\d\d<', str(cell)))


def _text(cell: Any) -> str:
    return re.sub("<[^>]*>", "", str(cell))


def _led(url: str, cell: Any) -> str:
    led = href(cell)
    return f"{url.partition('?')[0]}{led}" if led.startswith("#") else led


# --- what it leads to


def _comes_to(sitting: Noting, figure: Figure) -> bool:
    if "/change/" in figure.url or "/find/" in figure.url:
        path, _sign, place = figure.url.partition("#")
        return not place or _ends_with(sitting, path, place, figure)
    if "/side/" in figure.url:
        found = _sides(sitting, figure.url)
        return figure.amounts in (found, found[:1], found[1:2]) or _less(found) == figure.amounts
    context = sitting.get(figure.url).context
    if figure.page == "/admin/" and figure.amounts[0] == figure.amounts[0].to_integral():
        rows = context["cl"].result_list if "cl" in context else context["page"].sections[0].rows
        if len(rows) == figure.amounts[0]:
            return True
    return abs(comes_to(sitting, figure.url)) == abs(figure.amounts[-1])


def _ends_with(sitting: Noting, path: str, place: str, figure: Figure) -> bool:
    """A balance, and the flow that ends with it."""
    sections = {section.name: section for section in sitting.get(path).context["page"].sections}
    newest = sections[place].rows[0]
    return figure.amounts[0] in [amount(cell) for cell in newest if _is_money(cell)]


def _sides(sitting: Noting, url: str) -> tuple[Decimal, ...]:
    """Paid, refunded, and less that: by its rows."""
    sections = sitting.get(url).context["page"].sections
    if len(sections) == 1:
        *parts, total = ([amount(cell) for cell in row[1:]] for row in sections[0].rows)
        assert total == list(map(sum, zip(*parts, strict=True))), url
        return tuple(total)
    paid, refunded = (_last(section.rows) for section in sections)
    return paid, refunded, paid - refunded


def _last(rows: Iterable[Any]) -> Decimal:
    return sum(([amount(cell) for cell in row if _is_money(cell)][-1] for row in rows), ZERO)


def _less(amounts: tuple[Decimal, ...]) -> tuple[Decimal, ...]:
    return tuple(ZERO - each for each in amounts)
