"""What whoever proposes money and whoever decides about it both see: the balances before and after,
and what is alike."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from django.conf import settings
from django.db.models import Model, QuerySet
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from kit.money import ZERO
from office.frame import four_eyes
from office.shown.wallets import REFUSED
from wallets import accounts, adjust
from wallets.models import Wallet

ALIKE_FOR = timedelta(days=30)
ALIKE_MOST = 5


def balances(source: str, target: str, amount: Decimal) -> list[str]:
    """Of each wallet among the two, before and after."""
    told = []
    for account, change in ((source, -amount), (target, amount)):
        if not (user := accounts.owner(account)):
            continue
        wallet = Wallet.objects.filter(user_id=user).first()
        before = wallet.balance if wallet else ZERO
        after = before + change
        given = {"user": user, "before": f"{before:,.2f}", "after": f"{after:,.2f}"}
        told.append(_("%(user)s holds %(before)s yuan, and %(after)s afterwards.") % given)
        if wallet is None:
            told.append(_("%(user)s has no wallet yet.") % given)
        if after < 0:
            told.append(_("The balance does not suffice: an approval would be refused."))
    return told


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

    def moves(self, row) -> Sequence[str]:
        """What goes where, in sentences."""
        raise NotImplementedError

    def rivals(self, row) -> QuerySet:
        """Among which the same may have been proposed twice."""
        raise NotImplementedError
