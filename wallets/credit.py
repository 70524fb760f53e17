"""Development money: platform -> wallet, through the ledger (`manage.py credit`)."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from kit import ids, retry
from wallets import accounts, ledger
from wallets.states import LineKind


@retry.unit
def credit(*, user_id: str, amount: Decimal, reason: str, now: datetime) -> str:
    """Credit a wallet out of the platform's own money; the new line's reference.

    Repeats: none: each call is a new adjustment.
    """
    return _post(user_id, amount, reason, now)


@retry.unit
def credit_each(*, user_ids: Iterable[str], amount: Decimal, reason: str, now: datetime) -> None:
    """The same for several, in one transaction."""
    for user_id in sorted(user_ids):
        _post(user_id, amount, reason, now)


def _post(user_id: str, amount: Decimal, reason: str, now: datetime) -> str:
    reference = ids.public_id("adj")
    ledger.post(
        kind=LineKind.ADJUSTMENT,
        reference=reference,
        source=accounts.PLATFORM,
        target=accounts.wallet(user_id),
        amount=amount,
        now=now,
        note=reason,
    )
    return reference
