"""The grab's own statements, compiled (docs/hot-path.md): the claim, and what precedes it.

What Redis said is said again by the share's own WHERE, in sub-selects and never a join: READ
COMMITTED reads them without a lock, while a joined row would be locked and waited for.
"""

from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Model

from kit import sql
from kit.money import from_fen
from packets.models import GroupMember, RedPacket, Share
from packets.states import PayStatus
from wallets.models import Wallet


def claim(
    *,
    rp_id: int,
    public_id: str,
    position: int,
    user_id: str,
    group_id: str | None,
    is_into_account: bool,
    now: datetime,
) -> Decimal | None:
    """Write the taker into the share; its amount in yuan, or None when the WHERE did not hold.

    The WHERE holds when nobody took the share, expiry did not return it, it is for nobody else,
    neither packet nor wallet is frozen, the packet is not void and not past its deadline and, where
    `group_id` is given, the user is still a member. It asks whatever the ticket believes that may
    differ from the row: that `rp_id` is the packet of this name, and that it is paid, where the
    taker is to be credited, or issued at all. What else a ticket says of a packet (kind, sender,
    group, number) never changes.

    Raises: IntegrityError when this user holds another share of the packet.
    """
    expected = PayStatus.PAID if is_into_account else PayStatus.AWAITING
    values: list[Any] = [user_id, sql.time(now), is_into_account, rp_id, position, user_id]
    values += [public_id, expected, sql.time(now), user_id]
    if group_id is not None:
        values += [group_id, user_id]
    with connection.cursor() as cursor:
        cursor.execute(claim_sql(group_id is not None), values)
        # The amount comes back with the UPDATE: LAST_INSERT_ID(fen) or RETURNING, 0 or none when
        # lost. SELECT LAST_INSERT_ID() would be stale then.
        if sql.is_mysql():
            return from_fen(cursor.lastrowid) if cursor.rowcount else None
        row = cursor.fetchone()
        return from_fen(row[0]) if row else None


class Look(NamedTuple):
    """A packet, and what one user is to it."""

    id: int
    type: int
    user_id: str
    for_id: str
    number: int
    pay_status: int
    is_frozen: bool
    expire_time: datetime | None
    draft_until: datetime | None
    closed_at: datetime | None
    voided_at: datetime | None
    is_taker: bool
    is_member: bool
    is_wallet_frozen: bool


def look(public_id: str, user_id: str) -> Look | None:
    """One statement for all that decides a grab before a share is chosen."""
    row = _row(_look(), [user_id, user_id, user_id, public_id])
    if row is None:
        return None
    plain, times, flags = row[:7], row[7:11], row[11:]
    moments = (value and sql.read_time(value) for value in times)
    return Look(*plain, *moments, *map(bool, flags))


def untaken(rp_id: int, start: int, most: int) -> list[tuple[int, bool]]:
    """The first positions from `start` on that nobody took, and whether expiry returned each."""
    with connection.cursor() as cursor:
        cursor.execute(_untaken(), [rp_id, start, most])
        return [(position, bool(is_returned)) for position, is_returned in cursor.fetchall()]


def named(rp_id: int, user_id: str) -> tuple[int, bool] | None:
    """The position that is this user's from the start, and whether expiry returned it."""
    row = _row(_named(), [rp_id, user_id])
    return (row[0], bool(row[1])) if row else None


def share_of(rp_id: int, user_id: str) -> tuple[Decimal, bool, datetime] | None:
    """What this user took of the packet: yuan, whether credited, when."""
    row = _row(_share_of(), [rp_id, user_id])
    return (from_fen(row[0]), bool(row[1]), sql.read_time(row[2])) if row else None


def _row(statement: str, values: list) -> tuple[Any, ...] | None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchone()


@cache
def claim_sql(is_group: bool) -> str:
    def share(field: str) -> str:
        return sql.column(Share, field)

    packet, wallet, member = (sql.table(model) for model in (RedPacket, Wallet, GroupMember))
    good = share("is_good")
    if sql.is_mysql():
        carry, returning = f", {good} = {good} + 0 * LAST_INSERT_ID({_fen()})", ""
    else:
        carry, returning = "", f" RETURNING {_fen()}"
    still_member = (
        f" AND EXISTS (SELECT 1 FROM {member}"
        f" WHERE {sql.column(GroupMember, 'group_id')} = %s"
        f" AND {sql.column(GroupMember, 'user_id')} = %s)"
        if is_group
        else ""
    )
    return (
        f"UPDATE {sql.table(Share)} SET {share('user_id')} = %s, {share('update_time')} = %s,"
        f" {share('is_into_account')} = %s{carry}"
        f" WHERE {share('rp')} = %s AND {share('position')} = %s"
        f" AND {share('user_id')} IS NULL AND {share('is_returned')} = 0"
        f" AND ({share('for_user')} IS NULL OR {share('for_user')} = %s)"
        f" AND EXISTS (SELECT 1 FROM {packet} WHERE {packet}.{sql.column(RedPacket, 'id')}"
        f" = {sql.table(Share)}.{share('rp')} AND {sql.column(RedPacket, 'public_id')} = %s"
        f" AND {sql.column(RedPacket, 'pay_status')} IN ({PayStatus.PAID:d}, %s)"
        f" AND {sql.column(RedPacket, 'expire_time')} > %s"
        f" AND {sql.column(RedPacket, 'is_frozen')} = 0"
        f" AND {sql.column(RedPacket, 'voided_at')} IS NULL"
        f" AND {sql.column(RedPacket, 'closed_at')} IS NULL)"
        f" AND NOT EXISTS (SELECT 1 FROM {wallet} WHERE {wallet}.{sql.column(Wallet, 'user_id')}"
        f" = %s AND {sql.column(Wallet, 'is_frozen')} = 1){still_member}{returning}"
    )


@cache
def _look() -> str:
    packet = sql.table(RedPacket)
    columns = [f"{packet}.{sql.column(RedPacket, field)}" for field in Look._fields[:-3]]
    columns += [
        _exists(Share, f"{sql.column(Share, 'rp')} = {packet}.{sql.column(RedPacket, 'id')}"),
        _exists(
            GroupMember,
            f"{sql.column(GroupMember, 'group_id')} = {packet}.{sql.column(RedPacket, 'for_id')}",
        ),
        _exists(Wallet, f"{sql.column(Wallet, 'is_frozen')} = 1"),
    ]
    return (
        f"SELECT {', '.join(columns)} FROM {packet}"
        f" WHERE {packet}.{sql.column(RedPacket, 'public_id')} = %s"
    )


def _exists(model: type[Model], condition: str) -> str:
    user = f"{sql.table(model)}.{sql.column(model, 'user_id')}"
    return f"EXISTS (SELECT 1 FROM {sql.table(model)} WHERE {user} = %s AND {condition})"


@cache
def _untaken() -> str:
    position = sql.column(Share, "position")
    return (
        f"SELECT {position}, {sql.column(Share, 'is_returned')} FROM {sql.table(Share)}"
        f" WHERE {sql.column(Share, 'rp')} = %s AND {position} >= %s"
        f" AND {sql.column(Share, 'user_id')} IS NULL ORDER BY {position} LIMIT %s"
    )


@cache
def _named() -> str:
    columns = [sql.column(Share, field) for field in ("position", "is_returned")]
    return (
        f"SELECT {', '.join(columns)} FROM {sql.table(Share)}"
        f" WHERE {sql.column(Share, 'rp')} = %s AND {sql.column(Share, 'for_user')} = %s"
    )


@cache
def _share_of() -> str:
    columns = [sql.column(Share, field) for field in ("is_into_account", "update_time")]
    return (
        f"SELECT {_fen()}, {', '.join(columns)} FROM {sql.table(Share)}"
        f" WHERE {sql.column(Share, 'rp')} = %s AND {sql.column(Share, 'user_id')} = %s"
    )


def _fen() -> str:
    return sql.fen(sql.column(Share, "money"))
