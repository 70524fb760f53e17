"""Requests of one user that must see each other take turns on his row (docs/locks.md)."""

from datetime import datetime
from functools import cache

from django.db import connection
from django.db.models import QuerySet

from kit import sql
from kit.models import Turn
from kit.refusals import TooManyOpen


def take(user_id: str) -> None:
    """Until this transaction ends, whoever else takes this user's turn waits. What is read behind
    it is committed, and nobody who takes turns adds to it.

    One statement whether the row exists or not: an INSERT that finds the row and an UPDATE behind
    it would be two locks, and two that are waiting for both deadlock.

    Races: taken first in its transaction, before any other row, so nobody waits in a circle.
    """
    with connection.cursor() as cursor:
        cursor.execute(_take(), [user_id])


def refuse_more(unpaid: QuerySet, ends: str, *, most: int, now: datetime) -> None:
    """Only within the turn of whose these are: nobody adds to what is counted here. `ends` is the
    column that says when one stops to count.

    Raises: TooManyOpen (429) at `most` of them.
    """
    first = unpaid.order_by(ends).values_list(ends, flat=True)[:most]
    if len(first) >= most:
        raise TooManyOpen(int((first[0] - now).total_seconds()))


@cache
def _take() -> str:
    if sql.is_mysql():
        user_id = sql.column(Turn, "user_id")
        return f"{sql.insert(Turn, 'user_id')} ON DUPLICATE KEY UPDATE {user_id} = {user_id}"
    return f"{sql.insert(Turn, 'user_id')} ON CONFLICT DO NOTHING"  # BEGIN has taken the turn
