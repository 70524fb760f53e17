"""Requests of one user that must see each other take turns on his row (docs/locks.md)."""

from functools import cache

from django.db import connection

from kit import sql
from kit.models import Turn


def take(user_id: str) -> None:
    """Until this transaction ends, whoever else takes this user's turn waits. What is read behind
    it is committed, and nobody who takes turns adds to it.

    One statement whether the row exists or not: an INSERT that finds the row and an UPDATE behind
    it would be two locks, and two that are waiting for both deadlock.

    Races: taken first in its transaction, before any other row, so nobody waits in a circle.
    """
    with connection.cursor() as cursor:
        cursor.execute(_take(), [user_id])


@cache
def _take() -> str:
    if sql.is_mysql():
        user_id = sql.column(Turn, "user_id")
        return f"{sql.insert(Turn, 'user_id')} ON DUPLICATE KEY UPDATE {user_id} = {user_id}"
    return f"{sql.insert(Turn, 'user_id')} ON CONFLICT DO NOTHING"  # BEGIN has taken the turn
