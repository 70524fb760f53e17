"""Acts on what one person has proposed and another decides (四眼): approve, reject, withdraw.

A page mixes in what is its own: `permission`, `open_at`, `verbs` and `key`.
"""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from office.frame.actions import ReasonAction


class _OnProposal(ReasonAction):
    open_at: Any  # the state in which it waits for somebody
    verbs: Any  # a module with approve, reject and withdraw

    def key(self, row) -> dict:
        """The row, as its verbs want to be told."""
        raise NotImplementedError

    def refusal(self, row, now):
        return "" if row.status == self.open_at else _("This has been decided already.")

    def facts(self, row):
        return (row.status,)

    @staticmethod
    def proposed_by(row) -> str:
        told = {"maker": row.maker or _("system"), "reason": row.reason}
        return _("Proposed by %(maker)s: %(reason)s") % told


class _Decide(_OnProposal):
    def allows(self, user, row):
        """Four eyes: never one's own."""
        return row.maker_id != user.pk


class Approve(_Decide):
    title = gettext_lazy("Approve")
    is_approval = True
    needs_reason = False
    reason_label = gettext_lazy("Remark")

    def run(self, row, *, reason, now, also):
        return self.verbs.approve(**self.key(row), checker_id=also.user.pk, now=now, also=also)


class Reject(_Decide):
    title = gettext_lazy("Reject")
    is_grave = True

    def preview(self, row, now):
        return [_("Nothing moves."), self.proposed_by(row)]

    def run(self, row, *, reason, now, also):
        return self.verbs.reject(**self.key(row), checker_id=also.user.pk, now=now, also=also)


class Withdraw(_OnProposal):
    title = gettext_lazy("Withdraw the proposal")
    is_grave = True

    def allows(self, user, row):
        """One's own alone."""
        return row.maker_id == user.pk

    def preview(self, row, now):
        return [_("Nothing moves."), _("Nobody can approve it any more.")]

    def run(self, row, *, reason, now, also):
        return self.verbs.withdraw(**self.key(row), maker_id=also.user.pk, now=now, also=also)
