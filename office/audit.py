"""The rules of staff: what SQL by hand could have given, and what it could have changed."""

import json
from collections.abc import Iterator
from typing import Any

from django.contrib.auth.models import Permission, User
from django.db.models import Q

from kit import pseudonyms
from office.frame import staff
from office.models import StaffAction
from wallets.audit import Finding, unsealed
from wallets.models import Seal
from wallets.seals import Chain

# What staff did is in the books of the day, and is sealed with it.
ACTIONS = Chain(
    Seal.Table.ACTIONS,
    StaffAction,
    (
        *("id", "user_id", "action", "model", "key", "subject", "reason", "changes"),
        *("once", "ip", "created_at"),
    ),
    {
        **dict.fromkeys(("key", "subject", "reason"), pseudonyms.of),
        "changes": lambda given: pseudonyms.of(text_of(given)),
    },
)


def text_of(changes: Any) -> str:
    """What was noted as it was and became, as one word that can be sealed, or be erased."""
    if changes is None or isinstance(changes, str):
        return changes or ""
    return json.dumps(changes, separators=(",", ":"))


def sealed_actions_are_unchanged() -> Iterator[Finding]:
    """What staff did is what it was when its day was sealed."""
    yield from unsealed("sealed_actions_are_unchanged", ACTIONS)


def money_and_accounts_are_apart() -> Iterator[Finding]:
    """Nobody in use was given both: to look after accounts, and to act upon money."""
    codename = staff.MANAGE_ACCOUNTS.partition(".")[2]
    manages = Permission.objects.filter(codename=codename)
    given = Q(groups__permissions__in=manages) | Q(user_permissions__in=manages)
    for user in User.objects.filter(given, is_active=True).distinct().order_by("pk"):
        if staff.is_given_money(user):
            yield Finding("money_and_accounts_are_apart", user.get_username(), "was given both")


RULES = (sealed_actions_are_unchanged, money_and_accounts_are_apart)
