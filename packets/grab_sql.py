"""The winner's first statement, compiled: claim one share by its position (docs/hot-path.md).

What Redis said is said again by the share's own WHERE, in sub-selects and never a join: READ
COMMITTED reads them without a lock, while a joined row would be locked and waited for.
"""

from datetime import datetime
from decimal import Decimal
from functools import cache

from django.db import connection

from packets.models import GroupMember, RedPacket, Share
from redpacket_site.kit import sql
from redpacket_site.kit.money import from_fen
from wallets.models import Wallet


def claim(
    *,
    rp_id: int,
    position: int,
    user_id: str,
    group_id: str | None,
    is_into_account: bool,
    now: datetime,
) -> Decimal | None:
    """Write the taker into the share; its amount in yuan, or None when the WHERE did not hold.

    The WHERE holds when nobody took the share, expiry did not return it, neither packet nor wallet
    is frozen, the packet is not void and, where `group_id` is given, the user is still a member.

    Raises: IntegrityError when this user holds another share of the packet.
    """
    values = [user_id, sql.time(now), is_into_account, rp_id, position, user_id]
    if group_id is not None:
        values += [group_id, user_id]
    with connection.cursor() as cursor:
        cursor.execute(_claim(group_id is not None), values)
        # The amount comes back with the UPDATE: LAST_INSERT_ID(fen) or RETURNING, 0 or none when
        # lost. SELECT LAST_INSERT_ID() would be stale then.
        if sql.is_mysql():
            return from_fen(cursor.lastrowid) if cursor.rowcount else None
        row = cursor.fetchone()
        return from_fen(row[0]) if row else None


@cache
def _claim(is_group: bool) -> str:
    def share(field: str) -> str:
        return sql.column(Share, field)

    packet, wallet, member = (sql.table(model) for model in (RedPacket, Wallet, GroupMember))
    good, money = share("is_good"), share("money")
    if sql.is_mysql():
        carry = f", {good} = {good} + 0 * LAST_INSERT_ID(CAST({money} * 100 AS UNSIGNED))"
        returning = ""
    else:
        carry = ""
        returning = f" RETURNING CAST(ROUND({money} * 100) AS INTEGER)"
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
        f" AND EXISTS (SELECT 1 FROM {packet} WHERE {packet}.{sql.column(RedPacket, 'id')}"
        f" = {sql.table(Share)}.{share('rp')} AND {sql.column(RedPacket, 'is_frozen')} = 0"
        f" AND {sql.column(RedPacket, 'voided_at')} IS NULL"
        f" AND {sql.column(RedPacket, 'closed_at')} IS NULL)"
        f" AND NOT EXISTS (SELECT 1 FROM {wallet} WHERE {wallet}.{sql.column(Wallet, 'user_id')}"
        f" = %s AND {sql.column(Wallet, 'is_frozen')} = 1){still_member}{returning}"
    )
