"""A lease (租约): the right of one worker to work on a row for a while, outside of any transaction.

What fits into one transaction needs none: there the row's own WHERE is the referee. A lease is for
work that a transaction must not hold on to: a call to a channel, a file, a thousand small commits.

How to: `held = take(due, key, ...)`; None means that somebody else works on it, or that it is not
due. Then work, write what came of it through `held.rows`, and `held.end()` in a `finally`.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.db.models import Q

from kit.ids import AsciiField
from kit.moves import move


class Leased(models.Model):
    """A row that one worker at a time works on. Both columns empty: nobody does."""

    lease = AsciiField(max_length=32, null=True, editable=False)  # whose: the holder's token
    leased_until = models.DateTimeField(null=True, editable=False)

    class Meta:
        abstract = True


@dataclass(frozen=True, slots=True)
class Lease:
    """Held. `rows` is the row for as long as nobody else has taken it: the fence of a verdict."""

    rows: models.QuerySet

    def end(self) -> bool:
        """Let go at once, not only when the time is over; False when it was taken by another."""
        return move(self.rows, lease=None, leased_until=None)


def take(
    due: models.QuerySet, key: Any, *, now: datetime, for_s: float, **changes: Any
) -> Lease | None:
    """Lease one of the rows that are due; None when it is leased, or no longer due.

    `now` is the moment of this very call, not of the sweep that found the row; `for_s` is longer
    than the work can take. A holder who was killed is succeeded after that time, and one who was
    only stopped finds his verdict fenced off by the successor's token.

    Races:   "due" and "free" stand in the UPDATE's own WHERE, so of any number of takers one wins.
    Repeats: each taking has a token of its own.
    """
    token = secrets.token_hex(16)
    until = now + timedelta(seconds=for_s)
    if not move(due.filter(free(now), pk=key), lease=token, leased_until=until, **changes):
        return None
    return Lease(due.model._default_manager.filter(pk=key, lease=token))


def free(now: datetime) -> Q:
    """Nobody works on it (any more)."""
    return Q(leased_until=None) | Q(leased_until__lte=now)
