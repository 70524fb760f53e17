"""A new column is filled in rows that were there before it: by a task, a chunk a transaction.

In such a column NULL means "not filled yet". An app says in its `ready` how rows are filled, under
the name of the column, and leaves that there until the release after the one that contracts:

    FILLINGS.hang("packets.share.for_user", lambda rows: rows.update(for_user=F("user_id")))

A walk goes through the table by key. What is written behind it meanwhile, by workers of the release
before, the next walk finds; a filling is finished when a walk has found nothing, and a day later it
walks once more. A migration that makes the column required says `Filled` first (docs/upgrading.md).
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from django.apps import apps
from django.core.management.base import CommandError
from django.db.migrations.operations.base import Operation
from django.db.models import F, Model, QuerySet

from kit import pause, retry, sweeps
from kit.hooks import Hook
from kit.models import Filling
from kit.moves import move

CHUNK = 500  # rows that are looked at in one transaction: some 20 ms
STILL = timedelta(minutes=15)  # many times the pause between two runs of the task

log = structlog.get_logger(__name__)

# "app.model.column" -> fills these rows and says how many: each of them gets a value. They come
# with the condition that the column is empty, which whatever UPDATE it makes of them must keep.
FILLINGS: Hook[Callable[[QuerySet], int]] = Hook("how a column is filled")


def run(*, now: datetime) -> int:
    """Go on with every filling for a while; how many rows were looked at. One that fails stands
    still, and the others go on.

    Raises: what the last one failed with, so that the task leaves no sign of life (heartbeat.py).
    """
    looked, failed = 0, None
    for name in FILLINGS:
        try:
            looked += sweeps.drain(partial(fill, name=name, now=now))
        except Exception as error:  # whatever an app's own code comes to
            log.exception("filling_failed", filling=name)
            failed = error
    if failed:
        raise failed
    return looked


def fill(*, name: str, now: datetime) -> int:
    """Fill the next chunk; how many rows were looked at. 0: the walk is over, or somebody else was
    faster.

    Races:   the place moves by its own WHERE, in the transaction of the chunk: two workers never
             take the same chunk, and one that is killed leaves both or neither. Rows that somebody
             fills meanwhile are not empty any more: the UPDATE's WHERE passes them over.
    Repeats: each call is the next chunk.
    """
    kept, _ = Filling.objects.get_or_create(name=name, defaults={"moved_at": now})
    if kept.is_at_rest(now):
        return 0
    rows = _behind(name, kept.place)
    keys = list(rows.order_by("pk").values_list("pk", flat=True)[:CHUNK])
    pause.here("fillings: has read the place")
    if not keys:
        _end(kept, now=now)
        return 0
    return len(keys) if take(kept, rows.filter(pk__lte=keys[-1]), str(keys[-1]), now=now) else 0


@retry.unit
def take(kept: Filling, rows: QuerySet, place: str, *, now: datetime) -> bool:
    if not move(held(kept), place=place, moved_at=now):
        return False
    pause.here("fillings: has moved the place")
    if filled := FILLINGS[kept.name](empty(rows, column_of(kept.name))):
        mine = Filling.objects.filter(pk=kept.pk)
        mine.update(found=F("found") + filled, filled=F("filled") + filled, finished_at=None)
    return True


def _end(kept: Filling, *, now: datetime) -> bool:
    """The walk is over: the next one begins, at once or after a rest."""
    finished = now if kept.found == 0 else None
    ahead = {"walk": F("walk") + 1, "place": "", "found": 0}
    return move(held(kept), moved_at=now, finished_at=finished, **ahead)


def held(kept: Filling) -> QuerySet:
    """The row, unless somebody has moved on meanwhile."""
    return Filling.objects.filter(pk=kept.pk, walk=kept.walk, place=kept.place)


def empty(rows: QuerySet, column: str) -> QuerySet:
    return rows.filter(**{f"{column}__isnull": True})


def _behind(name: str, place: str) -> QuerySet:
    rows = model_of(name)._base_manager.all()
    return rows.filter(pk__gt=place) if place else rows


def model_of(name: str) -> type[Model]:
    return apps.get_model(name.rpartition(".")[0])


def column_of(name: str) -> str:
    return name.rpartition(".")[2]


def is_filled(name: str) -> bool:
    """Whether no row is empty, by the table itself: it reads all of a large one, and locks none."""
    return not empty(model_of(name)._base_manager.all(), column_of(name)).exists()


def standing_still(now: datetime) -> list[Filling]:
    """Those that have something to do and have done nothing for a while."""
    late = Filling.objects.filter(name__in=FILLINGS, moved_at__lt=now - STILL)
    return [kept for kept in late if not kept.is_at_rest(now - STILL)]


def told(name: str) -> str:
    """How far a filling is."""
    kept = Filling.objects.filter(name=name).first()
    if kept is None:
        return "not begun"
    if kept.finished_at:
        return f"finished {kept.finished_at:%F %T}, {kept.filled} rows filled"
    place = f"behind key {kept.place}" if kept.place else "at the beginning"
    return f"walk {kept.walk}, {place}, {kept.filled} rows filled"


class Filled(Operation):
    """In a migration, before what makes a column required: it does not run while rows are empty.

    The table itself is asked, and no kept word: old workers may have written since.
    """

    reduces_to_sql = False

    def __init__(self, model_name: str, column: str):
        self.model_name, self.column = model_name, column

    def state_forwards(self, app_label: str, state: Any) -> None:
        """It changes nothing."""

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        model = from_state.apps.get_model(app_label, self.model_name)
        rows = model._base_manager.using(schema_editor.connection.alias)
        if empty(rows.all(), self.column).exists():
            name = f"{app_label}.{self.model_name.lower()}.{self.column}"
            raise CommandError(
                f"{name} is still empty in some rows (its filling: {told(name)}). Nothing was"
                " changed by this migration: run it again when `manage.py fillings` says that"
                " every row is filled."
            )

    def database_backwards(self, *given: Any) -> None:
        """Nothing was done."""

    def describe(self) -> str:
        return f"Refuse to go on while {self.model_name}.{self.column} is empty somewhere"
