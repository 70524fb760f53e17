"""A user's balance and flow (流水): reads of the ledger."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

from django.db import connection

from kit import sql
from wallets import accounts
from wallets.models import LedgerLine, Wallet
from wallets.states import LineKind

# The words of api.md, and the kinds of line that each stands for.
FLOW_KINDS = {
    "send": (LineKind.SEND,),
    "grab": (LineKind.GRAB,),
    "refund": (LineKind.EXPIRY_REFUND,),
    "topup": (LineKind.TOPUP, LineKind.CHANNEL_REFUND),  # paid in, and paid back the way it came
    "adjustment": (LineKind.ADJUSTMENT,),
}
_WORDS = {kind: word for word, kinds in FLOW_KINDS.items() for kind in kinds}
_SIDES = ("source", "target")


class Balance(NamedTuple):
    balance: Decimal
    is_frozen: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a flow, seen from the wallet: `money` is negative when it went out."""

    id: int
    kind: str
    money: Decimal
    time: datetime
    title: str
    packet: str | None
    order: str | None


def balance(user_id: str) -> Balance:
    """The wallet's balance in yuan; a user who never had money has an open, empty wallet."""
    row = Wallet.objects.filter(user_id=user_id).values_list("balance", "is_frozen").first()
    return Balance(*row) if row else Balance(Decimal("0.00"), False)


def flow(*, user_id: str, kind: str | None, before: int | None, limit: int) -> list[Entry]:
    """The newest lines before a ledger id: at most limit + 1, so that a page knows of the next."""
    account = accounts.wallet(user_id)
    kinds = FLOW_KINDS[kind] if kind else tuple(_WORDS)
    keys = newest(account, kinds=kinds, before=before, count=limit + 1)
    lines = LedgerLine.objects.filter(pk__in=keys).order_by("-pk")
    return [_entry(line, account) for line in lines]


def newest(
    account: str, *, kinds: tuple[LineKind, ...], before: int | None, count: int
) -> list[int]:
    """Keys of an account's newest lines of these kinds, newest first.

    Each side and kind from its own range of an index, merged by the same statement: a query over
    two of them would read and sort whatever a busy account has.
    """
    values: list[Any] = []
    for kind in kinds:
        one: list[Any] = [account, int(kind), *([] if before is None else [before]), count]
        values += one * len(_SIDES)
    values.append(count)
    with connection.cursor() as cursor:
        cursor.execute(_newest(len(kinds), before is not None), values)
        return [key for (key,) in cursor.fetchall()]


@cache
def _newest(kinds: int, is_deep: bool) -> str:
    key, kind = (sql.column(LedgerLine, field) for field in ("id", "kind"))
    deep = f" AND {key} < %s" if is_deep else ""
    ranges = [
        f"SELECT {key} FROM (SELECT {key} FROM {sql.table(LedgerLine)}"
        f" WHERE {sql.column(LedgerLine, side)} = %s AND {kind} = %s{deep}"
        f" ORDER BY {key} DESC LIMIT %s) AS newest"
        for side in _SIDES
    ]
    return f"{' UNION ALL '.join(ranges * kinds)} ORDER BY {key} DESC LIMIT %s"


def _entry(line: LedgerLine, account: str) -> Entry:
    other = line.target if line.source == account else line.source
    return Entry(
        id=line.id,
        kind=_WORDS[LineKind(line.kind)],
        money=-line.amount if line.source == account else line.amount,
        time=line.created_at,
        title=str(LineKind(line.kind).label),
        packet=accounts.held_for(other),
        order=line.reference if line.kind == LineKind.TOPUP else None,
    )
