"""Development money: platform -> wallet, through the ledger (`manage.py credit`)."""

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
