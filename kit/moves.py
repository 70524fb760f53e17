"""move(): a change of state as one conditional UPDATE (docs/locks.md)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.db.models import F


@dataclass(frozen=True, slots=True)
class Moves:
    """A model's column of states, and which state may follow which: the MOVES of its states.py.

    A model that has them keeps them as `MOVES`; move() goes by them.
    """

    column: str
    listed: Mapping[Any, set]

    def sources(self, to: Any) -> list:
        """The states that may become this one."""
        return [state for state, targets in self.listed.items() if to in targets]


class Unlisted(Exception):
    """A state that was to be set past the MOVES of its model."""


def move(rows: models.QuerySet, /, *, to: Any = None, **facts: Any) -> bool:
    """Change the one row that the conditions still hold for; whoever changed it has won.

    `to` is the new state: only rows whose state may become it by the model's MOVES are changed, so
    a move that is not listed there does not happen, whatever its caller has read before. Conditions
    in `rows` narrow it further.

    Races:  the conditions are the UPDATE's own WHERE, so two movers cannot both get True. At least
            one changed column must stand in the conditions: Django counts matched rows.
    Raises: Unlisted for a state that is set without `to`, and for `to` where there are no MOVES.
    """
    moves: Moves | None = getattr(rows.model, "MOVES", None)
    if moves and moves.column in facts:
        raise Unlisted(f"{rows.model.__name__}.{moves.column} is changed by `to` alone")
    if to is not None:
        if moves is None:
            raise Unlisted(f"{rows.model.__name__} has no MOVES")
        rows = rows.filter(**{f"{moves.column}__in": moves.sources(to)})
        facts[moves.column] = to
    return rows.update(**facts) == 1


def hold(model: type[models.Model], key: Any) -> bool:
    """Take turns on one row until the transaction ends, changing nothing; False: no such row.

    By its key alone: an UPDATE that asks for more matches no row when the rest does not hold, and
    READ COMMITTED gives the lock of such a row back (which row was locked at all is then up to the
    query plan). So: hold first, look then. What is read behind it is committed and stays.
    """
    plain = [f for f in model._meta.concrete_fields if not f.primary_key and not f.generated]
    column = (plain[0] if plain else model._meta.pk).name
    return model._base_manager.filter(pk=key).update(**{column: F(column)}) == 1
