"""What whoever proposes money and whoever decides about it both see: the balances before and after,
and what is alike."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import Decimal

from django.conf import settings
from django.db.models import Model, QuerySet
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from kit.money import ZERO
from office.frame import four_eyes
from office.shown.wallets import REFUSED
from wallets import accounts, adjust
from wallets.models import Wallet

ALIKE_FOR = timedelta(days=30)
ALIKE_MOST = 5


def balances(source: str, target: str, amount: Decimal) -> list[str]:
    """Of each wallet among the two, before and after."""
    words = gettext_noop("%(user)s holds %(before)s yuan, and %(after)s afterwards.")
    changes = _changes(source, target, amount)
    return [line for user, change in changes.items() for line in _balance(user, change, words)]


def _changes(source: str, target: str, amount: Decimal) -> dict[str, Decimal]:
    sides = ((accounts.owner(source), -amount), (accounts.owner(target), amount))
    return {user: change for user, change in sides if user}


def _balance(user: str, change: Decimal, words: str) -> Iterator[str]:
    wallet = Wallet.objects.filter(user_id=user).first()
    before = wallet.balance if wallet else ZERO
    after = before + change
    given = {"user": user, "before": f"{before:,.2f}", "after": f"{after:,.2f}"}
    yield _(words) % given
    if wallet is None:
        yield _("%(user)s has no wallet yet.") % given
    if after < 0:
        yield _("The balance does not suffice: an approval would be refused.")


def alike(rows: QuerySet, row: Model) -> list[str]:
    """The same amount from the same place, proposed about that time: is it one wish, told twice?"""
    about = {"amount": row.amount, "proposed_at__gte": row.proposed_at - ALIKE_FOR}
    others = rows.filter(**about).exclude(pk=row.pk).exclude(status__in=REFUSED[type(row)])
    return [
        _("Look: the same was proposed at %(at)s, %(number)s: %(status)s.")
        % {
            "at": f"{localtime(other.proposed_at):%F %T}",
            "number": other,
            "status": other.get_status_display(),
        }
        for other in others.order_by("-pk")[:ALIKE_MOST]
    ]


class ApproveMoney(four_eyes.Approve):
    """Within what one may approve, and with all that is to be weighed shown before."""

    def most(self, row) -> Decimal:
        return settings.REDPACKET_CHECKER_MAX

    def refusal(self, row, now):
        most = self.most(row)
        return str(adjust.over_limit(most)) if row.amount > most else super().refusal(row, now)

    def preview(self, row, now):
        return [
            *self.moves(row),
            self.proposed_by(row),
            self.evidence(row),
            *balances(row.source, getattr(row, "target", ""), row.amount),
            *alike(self.rivals(row), row),
        ]

    def together(self, rows):
        """A wallet that several of them change is told as all of them leave it."""
        changes: dict[str, list[Decimal]] = defaultdict(list)
        for row in rows:
            sides = _changes(row.source, getattr(row, "target", ""), row.amount)
            for user, change in sides.items():
                changes[user].append(change)
        words = gettext_noop("%(user)s holds %(before)s yuan, and %(after)s after all of them.")
        told = [
            line
            for user, several in changes.items()
            if len(several) > 1
            for line in _balance(user, sum(several, ZERO), words)
        ]
        return [*super().together(rows), *told]

    def moves(self, row) -> Sequence[str]:
        """What goes where, in sentences."""
        raise NotImplementedError

    def rivals(self, row) -> QuerySet:
        """Among which the same may have been proposed twice."""
        raise NotImplementedError
