"""The settlement's own statements, compiled (docs/hot-path.md)."""

from functools import cache

from kit import sql
from packets.models import RedPacket, SettlementPass, Share
from packets.states import PayStatus


@cache
def owed() -> str:
    """Of a packet that may be settled: itself, and its owed shares; one row without a share when
    nothing is owed, no row when nothing of it may move."""
    packet, share = sql.table(RedPacket), sql.table(Share)
    fields = [f"{packet}.{sql.column(RedPacket, field)}" for field in ("public_id", "for_id")]
    fields += [f"{share}.{sql.column(Share, field)}" for field in ("id", "position", "user_id")]
    fields += [sql.fen(sql.column(Share, "money"))]
    return (
        f"SELECT {', '.join(fields)} FROM {packet} LEFT JOIN {share}"
        f" ON {share}.{sql.column(Share, 'rp')} = {packet}.{sql.column(RedPacket, 'id')}"
        f" AND {share}.{sql.column(Share, 'user_id')} IS NOT NULL"
        f" AND {share}.{sql.column(Share, 'is_into_account')} = 0 WHERE {_may_move()}"
    )


@cache
def claim() -> str:
    """Of some `keys`, and by these alone: a scan of the packet would wait for every grab in
    flight."""

    def share(field: str) -> str:
        return sql.column(Share, field)

    by_key = " FORCE INDEX (PRIMARY)" if sql.is_mysql() else ""
    return (
        f"UPDATE {sql.table(Share)}{by_key} SET {share('is_into_account')} = 1"
        f" WHERE {share('id')} IN ({{keys}})"
        f" AND {share('is_into_account')} = 0 AND {share('user_id')} IS NOT NULL"
        f" AND EXISTS (SELECT 1 FROM {sql.table(RedPacket)} WHERE {_may_move()})"
    )


@cache
def done() -> str:
    """The pass, when it is due and nobody's: what settle.due() and lease.free() say."""
    names = ("done_at", "run_at", "shares", "money", "packet", "number", "leased_until")
    done, run, shares, money, packet, number, until = (
        sql.column(SettlementPass, name) for name in names
    )
    return (
        f"UPDATE {sql.table(SettlementPass)} SET {done} = %s, {run} = NULL,"
        f" {shares} = {shares} + %s, {money} = ROUND({money} + %s, 2)"
        f" WHERE {packet} = %s AND {number} = %s AND {run} <= %s"
        f" AND ({until} IS NULL OR {until} <= %s)"
    )


def _may_move() -> str:
    """Whether the packet of this key is paid, and neither frozen nor void."""
    return (
        f"{sql.table(RedPacket)}.{sql.column(RedPacket, 'id')} = %s"
        f" AND {sql.column(RedPacket, 'pay_status')} = {PayStatus.PAID:d}"
        f" AND {sql.column(RedPacket, 'is_frozen')} = 0"
        f" AND {sql.column(RedPacket, 'voided_at')} IS NULL"
    )
