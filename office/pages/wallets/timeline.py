"""All that concerns one customer, newest first. The sources (customer.py) are merged, so a page
costs the same for whoever has a hundred thousand lines."""

import heapq
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from itertools import islice

from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from office.frame import reader
from office.frame.dossier import Choice, Section
from office.pages.wallets.customer import SOURCES, Customer, Piece, Place

ENTRIES = 30
_PLACE = re.compile(r"([a-z])(\d{1,18})(?:\.(\d{1,18}))?")
ABOUT = {
    "": _("everything"),
    "money": _("money"),
    "packets": _("red packets"),
    "orders": _("payments and refunds"),
    "staff": _("what staff did"),
}


def timeline(customer: Customer, only: str, until: str) -> Section:
    only = only if only in ABOUT else ""
    places = _places(until)
    sources = [s for s in SOURCES if reader.may(s.permission) and only in ("", s.about)]
    streams = [s.read(customer, places.get(s.letter), ENTRIES + 1) for s in sources]
    merged = heapq.merge(
        *map(_newest_first, streams), key=lambda piece: piece.entry.at, reverse=True
    )
    pieces = list(islice(merged, ENTRIES + 1))
    places |= {piece.letter: piece.place for piece in pieces[:ENTRIES]}
    chosen = {"only": only} if only else {}
    older = {**chosen, "until": _written(places)}
    return Section(
        _("Timeline"),
        entries=[piece.entry for piece in pieces[:ENTRIES]],
        name="timeline",
        choices=[
            Choice(title, f"?{urlencode({'only': word} if word else {})}#timeline", word == only)
            for word, title in ABOUT.items()
            if not word or any(s.about == word and reader.may(s.permission) for s in SOURCES)
        ],
        older=f"?{urlencode(older)}#timeline" if len(pieces) > ENTRIES else "",
    )


def _newest_first(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """Keys are given a moment before or after times: none is later than the one before it."""
    last: datetime | None = None
    for piece in pieces:
        last = min(piece.entry.at, last) if last else piece.entry.at
        yield piece._replace(entry=replace(piece.entry, at=last))


def _places(until: str) -> dict[str, Place]:
    parts = [_PLACE.fullmatch(part) for part in until.split("-")] if len(until) < 400 else []
    return {p[1]: Place(int(p[2]), p[3] and int(p[3])) for p in parts if p}


def _written(places: dict[str, Place]) -> str:
    return "-".join(
        f"{letter}{place.first}" + ("" if place.second is None else f".{place.second}")
        for letter, place in sorted(places.items())
    )
