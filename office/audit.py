"""The rule of accounts: what SQL by hand could have given."""

from collections.abc import Iterator

from django.contrib.auth.models import Permission, User
from django.db.models import Q

from office.frame import staff
from wallets.audit import Finding


def money_and_accounts_are_apart() -> Iterator[Finding]:
    """Nobody in use was given both: to look after accounts, and to act upon money."""
    codename = staff.MANAGE_ACCOUNTS.partition(".")[2]
    manages = Permission.objects.filter(codename=codename)
    given = Q(groups__permissions__in=manages) | Q(user_permissions__in=manages)
    for user in User.objects.filter(given, is_active=True).distinct().order_by("pk"):
        if staff.is_given_money(user):
            yield Finding("money_and_accounts_are_apart", user.get_username(), "was given both")
