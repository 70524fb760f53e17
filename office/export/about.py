"""What a file of rows says of itself, behind its rows: of which list and filters, for whom, when,
how many rows, what they come to, and until when a replica that they were read from had seen all."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from kit.marks import listed
from kit.money import from_fen
from office.shown import names

Lines = Sequence[tuple[str, Any]]


class Tally:
    """What the rows of a file come to, counted as they are written; kept in the writer's `state`,
    so that another process counts on."""

    def __init__(self, totals: Mapping[str, Any], state: dict[str, Any]) -> None:
        self.totals = totals
        begun = {"rows": 0, "fen": dict.fromkeys(totals, 0), "seen_until": None}
        self.state: dict[str, Any] = state.setdefault("tally", begun)

    def count(self, page: Sequence[Any], seen_until: datetime | None) -> None:
        self.state["rows"] += len(page)
        for column in self.totals:
            self.state["fen"][column] += sum(int(getattr(row, column) * 100) for row in page)
        if seen_until is not None:
            first = self.seen_until or seen_until
            self.state["seen_until"] = min(first, seen_until).isoformat()

    @property
    def seen_until(self) -> datetime | None:
        """Of all pages that came from a replica, the oldest one's moment."""
        kept = self.state["seen_until"]
        return datetime.fromisoformat(kept) if kept else None


def lines(
    model_admin: Any,
    *,
    filters: Sequence[str],
    who: str,
    asked_at: datetime,
    tally: Tally,
    rows: int,
    is_cut: bool,
) -> Lines:
    """Each a name and a value. Without totals where another version's worker wrote some of it."""
    told: list[tuple[str, Any]] = [
        (_("list"), str(names.many(model_admin.opts))),
        (_("filters"), listed(filters, "; ") or _("none")),
        (_("exported by"), who),
        (_("asked for at"), asked_at),
        (_("rows"), rows),
    ]
    if tally.state["rows"] == rows:
        told += [
            (_("total (%(column)s)") % {"column": label}, from_fen(tally.state["fen"][column]))
            for column, label in tally.totals.items()
        ]
        if tally.seen_until:
            told.append((_("Read from the replica, as of"), tally.seen_until))
    if is_cut:
        told.append((_("shortened"), _("the list has more rows than an export may hold")))
    return told
