"""Freeze and unfreeze a wallet: it cannot pay or grab; what it is owed still arrives (Spec 2.7)."""

from collections.abc import Callable
from datetime import datetime

from kit import retry
from kit.hooks import Hook
from kit.moves import move
from wallets.models import Wallet

# Called after the commit, at once.
listeners: Hook[Callable[[], object]] = Hook(
    "who wants to know that wallets were frozen or unfrozen"
)


def freeze(*, user_id: str, reason: str, now: datetime, also: retry.Also | None = None) -> bool:
    """Freeze; True when it was not frozen before. Opens the wallet of a user who never had one."""
    done = _set(user_id=user_id, frozen=True, reason=reason, now=now, also=also)
    return _tell(done)


def unfreeze(*, user_id: str, reason: str, now: datetime, also: retry.Also | None = None) -> bool:
    """Unfreeze; True when it was frozen before."""
    done = _set(user_id=user_id, frozen=False, reason=reason, now=now, also=also)
    return _tell(done)


@retry.unit
def _set(
    *, user_id: str, frozen: bool, reason: str, now: datetime, also: retry.Also | None = None
) -> bool:
    if frozen:
        Wallet.objects.get_or_create(user_id=user_id, defaults={"created_at": now})
    return move(
        Wallet.objects.filter(user_id=user_id, is_frozen=not frozen),
        is_frozen=frozen,
        frozen_reason=reason if frozen else "",
    )


def _tell(done: bool) -> bool:
    for listener in listeners.values():
        listener()
    return done
