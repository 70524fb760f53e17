"""A user's balance and flow (流水): reads of the ledger."""

import heapq
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

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


@dataclass(frozen=True, slots=True)
class Balance:
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
    """The newest lines before a ledger id: at most limit + 1, so that a page knows of the next.

    Each side is read from its own index and the two are merged; one query over both would sort a
    busy wallet's whole history.
    """
    account = accounts.wallet(user_id)
    lines = LedgerLine.objects.order_by("-id")
    if kind:
        lines = lines.filter(kind__in=FLOW_KINDS[kind])
    if before:
        lines = lines.filter(id__lt=before)
    newest = heapq.merge(
        lines.filter(source=account)[: limit + 1],
        lines.filter(target=account)[: limit + 1],
        key=lambda line: -line.id,
    )
    return [_entry(line, account) for line, _ in zip(newest, range(limit + 1), strict=False)]


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
