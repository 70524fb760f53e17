"""Changes of staff accounts, decided under four eyes."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from office import accounts
from office.frame import staff
from office.frame.actions import ReasonAction
from office.models import AccountChange
from office.proposing import APART
from office.states import ChangeStatus


class _Decide(ReasonAction):
    permission = staff.MANAGE_ACCOUNTS
    needs_reason = False
    reason_label = gettext_lazy("Remark")

    def allows(self, user, change):
        """Four eyes, and neither of them those of the account's own person."""
        return user.pk not in (change.maker_id, change.user_id)

    def refusal(self, change, now):
        is_open = change.status == ChangeStatus.PROPOSED
        return "" if is_open else _("This has been decided already.")

    def facts(self, change):
        return (change.status,)

    def preview(self, change, now):
        told = {
            "name": change.user,
            "role": change.role or change.role_before or "-",
            "before": change.role_before or "-",
            "maker": change.maker,
            "reason": change.reason,
        }
        return [*self.tells(change, told), _("Proposed by %(maker)s: %(reason)s") % told]

    def tells(self, change, told):
        return [_("Nothing changes.")]


class ApproveChange(_Decide):
    name = "approve_account_change"
    title = gettext_lazy("Approve")
    is_approval = True

    def tells(self, change, told):
        kind = AccountChange.Kind
        lines = {
            kind.INVITE: _("%(name)s may join, with the role %(role)s."),
            kind.ROLE: _("%(name)s has the role %(role)s instead of %(before)s, now."),
            kind.RESET: _("Password, device and recovery codes of %(name)s are gone, now."),
            kind.STOP: _("%(name)s is logged out and cannot log in any more."),
        }
        told_first = [lines[kind(change.kind)] % told]
        return [*told_first, APART] if change.kind in accounts.OF_AN_INVITATION else told_first

    def run(self, change, *, reason, now, also):
        also.changes = _changes(change)
        return accounts.approve(change_id=change.pk, checker_id=also.user.pk, now=now, also=also)

    def shows(self, change, result):
        return [(CODE, result.secret)] if result.secret else ()


CODE = gettext_lazy("The code, for you to hand over to the person")


def _changes(change: AccountChange) -> dict:
    """Before and after, without a secret."""
    kind, account = AccountChange.Kind, change.user.get_username()
    return {
        kind.INVITE: {"account": account, "role": [None, change.role]},
        kind.ROLE: {"account": account, "role": [change.role_before, change.role]},
        kind.RESET: {"account": account, "password": "reset", "device": "reset"},
        kind.STOP: {"account": account, "active": [change.user.is_active, False]},
    }[kind(change.kind)]


class RejectChange(_Decide):
    name = "reject_account_change"
    title = gettext_lazy("Reject")
    is_grave = needs_reason = True
    reason_label = gettext_lazy("Reason")

    def run(self, change, *, reason, now, also):
        return accounts.reject(change_id=change.pk, checker_id=also.user.pk, now=now, also=also)


class WithdrawChange(_Decide):
    name = "withdraw_account_change"
    title = gettext_lazy("Withdraw the proposal")
    is_grave = needs_reason = True
    reason_label = gettext_lazy("Reason")

    def allows(self, user, change):
        """One's own alone."""
        return user.pk == change.maker_id

    def run(self, change, *, reason, now, also):
        return accounts.withdraw(change_id=change.pk, maker_id=also.user.pk, now=now, also=also)


CHANGE_ACTS = [ApproveChange(), RejectChange(), WithdrawChange()]
