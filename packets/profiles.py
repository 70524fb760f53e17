"""Nicknames and avatars of the chat platform's users, as the chat server keeps them here."""

from collections.abc import Iterable

from kit import retry
from packets.models import Profile


@retry.unit
def put(*, user_id: str, nickname: str, avatar: str) -> None:
    """Set how a user is called and looks."""
    Profile.objects.update_or_create(
        user_id=user_id, defaults={"nickname": nickname, "avatar": avatar}
    )


@retry.unit
def forget(*, user_id: str) -> bool:
    """Remove a user's nickname and avatar everywhere; the ledger stays (Spec 2.9)."""
    return Profile.objects.filter(user_id=user_id).delete()[0] > 0


def people(user_ids: Iterable[str]) -> dict[str, dict]:
    """{user_id: {user_id, nickname, avatar}} for each of these users; null where unknown."""
    wanted = set(user_ids)
    known = Profile.objects.in_bulk(wanted)
    return {
        user_id: {
            "user_id": user_id,
            "nickname": (known[user_id].nickname or None) if user_id in known else None,
            "avatar": (known[user_id].avatar or None) if user_id in known else None,
        }
        for user_id in wanted
    }
