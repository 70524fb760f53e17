"""The chart of accounts: every place where money can be. An account is a name, not a row.

Only users' wallets keep a running balance (`Wallet`); the others are the sums of their ledger
lines: a running total there would be a row that every grab has to wait for (docs/money.md).
"""

from kit import pseudonyms

PLATFORM = "platform"  # the operator's own money
SUSPENSE = "suspense"  # arrived, owner unknown
_WALLET, _ESCROW, _CLEARING = "wallet:", "escrow:", "clearing:"


def wallet(user_id: str) -> str:
    return _WALLET + user_id


def escrow(reference: str) -> str:
    """Money held for one red packet (红包在途资金)."""
    return _ESCROW + reference


def clearing(channel: str) -> str:
    """Money that a channel has taken and not yet paid out to us (渠道待清算)."""
    return _CLEARING + channel


def owner(account: str) -> str | None:
    """The user whose wallet this is, or None."""
    return account.removeprefix(_WALLET) if account.startswith(_WALLET) else None


def held_for(account: str) -> str | None:
    """The reference of the packet whose escrow this is, or None."""
    return account.removeprefix(_ESCROW) if account.startswith(_ESCROW) else None


def hidden(account: str) -> str:
    """The same account without saying whose wallet it is."""
    user_id = owner(account)
    return account if user_id is None else wallet(pseudonyms.of(user_id))
