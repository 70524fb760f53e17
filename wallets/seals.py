"""Sealing (封存): what is in a closed day's books is chained to the day before, by a key that the
database does not have. SQL by hand on a closed day shows, and cannot be covered up by more SQL.

A day's digest is SHA-256 over its rows in the order of their keys, a JSON array of the sealed
columns each; its seal is an HMAC over the seal of the day before, the day, and the digest. So the
chain is checked by one HMAC a day, and what a day holds whenever somebody counts it again.
"""

import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache, partial
from hashlib import sha256
from typing import Any

import structlog
from django.conf import settings
from django.db import IntegrityError, models, transaction

from kit import pseudonyms, sweeps
from kit.hooks import Hook
from kit.plumbing.env import listed
from wallets import accounts
from wallets.models import DailySummary, LedgerLine, Seal

log = structlog.get_logger(__name__)

AT_ONCE = 5000  # rows in memory, whatever a day holds


@dataclass(frozen=True)
class Chain:
    """One table whose days are sealed, by the columns that never change: but that a person is
    erased. What names one is sealed as what it then becomes."""

    table: str
    model: type[models.Model]
    columns: tuple[str, ...]
    erasable: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)

    def rows(self) -> models.QuerySet:
        return self.model._default_manager.all()

    def sealed(self, row: tuple) -> list:
        """A row as it is sealed."""
        forms = self.erasable
        return [
            forms[column](value) if column in forms else value
            for column, value in zip(self.columns, row, strict=True)
        ]

    def seals(self) -> models.QuerySet[Seal]:
        return Seal.objects.filter(table=self.table).order_by("day")


chains: Hook[Chain] = Hook("which tables are booked and sealed day by day")
LINES = Chain(
    Seal.Table.LINES,
    LedgerLine,
    ("id", "kind", "reference", "source", "target", "amount", "note", "created_at"),
    {"source": accounts.hidden, "target": accounts.hidden, "note": pseudonyms.of},
)
chains.hang(LINES.table, LINES)


def seal_days() -> int:
    """Seal closed days that are not sealed yet, in order, until the time is up; how many seals.

    Races:   what is in a closed day's books changes no more, and (table, day) is unique: of two
             who seal the same day one is undone.
    Repeats: a sealed day stays as it is. Killed in between: the next one seals.
    """
    return sum(sweeps.drain(partial(_seal_next, chain)) for chain in chains.values())


def faults(chain: Chain, *, counts: Callable[[date], bool]) -> Iterator[tuple[str, str]]:
    """What is wrong with a table's seals and, on days that `counts`, with what was sealed."""
    before = None
    for seal in chain.seals():
        row = f"{chain.table} of {seal.day}"
        if before is None and (strays := chain.rows().filter(booked_on__lt=seal.day).count()):
            yield row, f"{strays} rows are booked before it, the first that was sealed"
        if before and seal.day != before.day + timedelta(days=1):
            yield row, f"sealed behind {before.day}"
        if not _is_genuine(seal, before):
            yield row, "the seal is not that of what it says and of the day before"
        if counts(seal.day) and (found := digest_of(chain, seal.day)) != (seal.rows, seal.digest):
            yield row, f"{seal.rows} rows were sealed, and these {found[0]} are others"
        before = seal


def digest_of(chain: Chain, day: date) -> tuple[int, str]:
    """How many rows are in a day's books, and what they say; a piece of them at a time."""
    hashed, count, last = sha256(), 0, 0
    rows = chain.rows().filter(booked_on=day).order_by("pk")
    while piece := list(rows.filter(pk__gt=last).values_list(*chain.columns)[:AT_ONCE]):
        hashed.update("".join(_plain(chain.sealed(row)) + "\n" for row in piece).encode())
        count, last = count + len(piece), piece[-1][0]
    return count, hashed.hexdigest()


def last_seals() -> list[Seal]:
    """To be noted elsewhere: who can write to the whole database can begin a chain anew."""
    return [seal for chain in chains.values() if (seal := chain.seals().last())]


def _seal_next(chain: Chain) -> int:
    """1 when the day behind the last seal has its own now, 0 when there is none to seal."""
    before = chain.seals().last()
    closed = DailySummary.objects.filter(day__gt=before.day) if before else DailySummary.objects
    summary = closed.order_by("day").first()
    if summary is None:
        return 0
    rows, digest = digest_of(chain, summary.day)
    seal = Seal(table=chain.table, day=summary.day, rows=rows, digest=digest)
    seal.seal = _made(seal, before, *next(iter(_keys(settings.REDPACKET_SEAL_KEY).items())))
    try:
        with transaction.atomic(durable=True):
            seal.save(force_insert=True)
    except IntegrityError:  # somebody was faster, and his is the same
        return 1
    log.info("day_sealed", table=chain.table, day=str(seal.day), rows=rows, seal=seal.seal)
    return 1


def _is_genuine(seal: Seal, before: Seal | None) -> bool:
    """By the key that it names: one of before is kept behind the one in force."""
    name = seal.seal.partition(":")[0]
    key = _keys(settings.REDPACKET_SEAL_KEY).get(name)
    return key is not None and hmac.compare_digest(_made(seal, before, name, key), seal.seal)


def _made(seal: Seal, before: Seal | None, name: str, key: bytes) -> str:
    said = [seal.table, before.seal if before else "", seal.day.isoformat(), seal.rows, seal.digest]
    return f"{name}:{hmac.new(key, _plain(said).encode(), sha256).hexdigest()}"


@lru_cache(maxsize=8)
def _keys(text: str) -> dict[str, bytes]:
    """Keys by their names, which tell nothing of them; the one that seals is the first."""
    keys = [part.encode() for part in listed(text)]
    return {sha256(b"name of " + key).hexdigest()[:8]: key for key in keys}


def _plain(row: tuple | list) -> str:
    """The same text on every engine."""
    return json.dumps(row, default=_word, separators=(",", ":"))


def _word(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{value:.2f}"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    raise TypeError(f"{type(value)} has no form that is sealed")
