"""Pay out of the wallet: the channel that needs nobody else and confirms at once."""

from datetime import datetime
from decimal import Decimal

from payments.refusals import AlreadyPaid
from wallets import accounts, ledger
from wallets.states import LineKind


def pay(*, user_id: str, reference: str, amount: Decimal, now: datetime) -> None:
    """Move `amount` yuan from the payer's wallet into the escrow of what he pays for.

    For use inside the payer's transaction.
    Repeats: the same reference raises AlreadyPaid; its transaction rolls back whole.
    Raises:  InsufficientBalance (409), WalletFrozen (403), AlreadyPaid (409).
    """
    try:
        ledger.post(
            kind=LineKind.SEND,
            reference=reference,
            source=accounts.wallet(user_id),
            target=accounts.escrow(reference),
            amount=amount,
            now=now,
            spend=True,
        )
    except ledger.AlreadyPosted as error:
        raise AlreadyPaid() from error
