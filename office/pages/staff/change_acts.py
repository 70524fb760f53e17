"""Changes of staff accounts, decided under four eyes."""

from django.utils.translation import gettext_lazy as _

from office import roles
from office.accounts import changes
from office.frame import four_eyes, staff
from office.models import AccountChange
from office.pages.staff.proposing import APART


class _OnChange:
    permission = staff.MANAGE_ACCOUNTS
    verbs, known_by = changes, "change_id"


class _Decided(_OnChange):
    def allows(self, user, change):
        """Four eyes, and neither of them those of the account's own person."""
        return user.pk not in (change.maker_id, change.user_id)


class ApproveChange(_Decided, four_eyes.Approve):
    name = "approve_account_change"
    is_bulk = False  # each shows a secret of its own

    def preview(self, change, now):
        kind = AccountChange.Kind
        lines = {
            kind.INVITE: _("%(name)s may join, with the role %(role)s."),
            kind.ROLE: _("%(name)s has the role %(role)s instead of %(before)s, now."),
            kind.RESET: _("Password, device and recovery codes of %(name)s are gone, now."),
            kind.STOP: _("%(name)s is logged out and cannot log in any more."),
        }
        told = {
            "name": change.user,
            "role": roles.shown(change.role or change.role_before),
            "before": roles.shown(change.role_before),
        }
        handed = (APART,) if change.kind in changes.OF_AN_INVITATION else ()
        return [lines[kind(change.kind)] % told, *handed, self.proposed_by(change)]

    def run(self, change, *, reason, now, also):
        also.changes = _changes(change)
        return super().run(change, reason=reason, now=now, also=also)

    def shows(self, change, result):
        return [(CODE, result.secret)] if result.secret else ()


CODE = _("The code, for you to hand over to the person")


def _changes(change: AccountChange) -> dict:
    """Before and after, without a secret."""
    kind, account = AccountChange.Kind, change.user.get_username()
    return {
        kind.INVITE: {"account": account, "role": [None, change.role]},
        kind.ROLE: {"account": account, "role": [change.role_before, change.role]},
        kind.RESET: {"account": account, "password": "reset", "device": "reset"},
        kind.STOP: {"account": account, "active": [change.user.is_active, False]},
    }[kind(change.kind)]


class RejectChange(_Decided, four_eyes.Reject):
    name = "reject_account_change"

    def preview(self, change, now):
        return [_("Nothing changes."), self.proposed_by(change)]


class WithdrawChange(_OnChange, four_eyes.Withdraw):
    name = "withdraw_account_change"

    def preview(self, change, now):
        return [_("Nothing changes."), self.proposed_by(change)]


CHANGE_ACTS = [ApproveChange(), RejectChange(), WithdrawChange()]
