"""What one person proposes and another decides (四眼): the form for money, and the acts approve,
reject, withdraw.

A page mixes in what is its own: `permission`, `open_at`, `verbs` and `key`.
"""

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kit.plumbing import texts
from kit.telling import told
from office.frame.actions import ReasonAction
from office.frame.proposals import Proposal, making


class MoneyForm(forms.Form):
    """What each proposal to move money says, behind fields of its own (`field_order`)."""

    amount = forms.DecimalField(
        label=gettext_lazy("amount"), min_value=0, max_digits=13, decimal_places=2
    )
    reason = forms.CharField(
        label=gettext_lazy("reason"),
        min_length=3,
        max_length=255,
        validators=[texts.validate_plain_lines],
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    attachment = forms.CharField(
        label=gettext_lazy("attachment"),
        max_length=255,
        required=False,
        validators=[texts.validate_plain],
        help_text=gettext_lazy("where the evidence is kept: a ticket, a document's number"),
    )


class ProposeMoney(Proposal):
    verbs: Any  # a module with propose

    def notes(self):
        most = {"most": f"{settings.REDPACKET_MAKER_MAX:,.2f}"}
        return [
            _("Nothing moves until another person has approved it."),
            _("You may propose at most %(most)s yuan at once.") % most,
        ]

    def preview(self, data, now):
        return [
            *self.tells(data),
            _("Reason: %(reason)s") % data,
            _("Attachment: %(attachment)s") % {"attachment": data["attachment"] or "-"},
            _("Nothing moves until another person has approved it."),
        ]

    def tells(self, data) -> list:
        """What is to move, in sentences; raises Problem for what cannot."""
        raise NotImplementedError

    def run(self, data, *, user, now, request):
        also = making(user, request, self.name, data["reason"])
        return self.verbs.propose(**data, maker_id=user.pk, now=now, also=also)


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
        given = {"maker": row.maker or _("system"), "reason": told(row.reason)}
        return _("Proposed by %(maker)s: %(reason)s") % given

    @staticmethod
    def evidence(row) -> str:
        return _("Attachment: %(attachment)s") % {"attachment": row.attachment or "-"}


class _Decide(_OnProposal):
    def allows(self, user, row):
        """Four eyes: never one's own."""
        return row.maker_id != user.pk


class Approve(_Decide):
    title = gettext_lazy("Approve")
    key = "a"
    is_approval = is_bulk = True
    needs_reason = False
    reason_label = gettext_lazy("Remark")

    def run(self, row, *, reason, now, also):
        return self.verbs.approve(**self.key(row), checker_id=also.user.pk, now=now, also=also)


class Reject(_Decide):
    title = gettext_lazy("Reject")
    key = "r"
    is_grave = True

    def preview(self, row, now):
        return [_("Nothing moves."), self.proposed_by(row)]

    def run(self, row, *, reason, now, also):
        return self.verbs.reject(**self.key(row), checker_id=also.user.pk, now=now, also=also)


class Withdraw(_OnProposal):
    title = gettext_lazy("Withdraw the proposal")
    key = "w"
    is_grave = True

    def allows(self, user, row):
        """One's own alone."""
        return row.maker_id == user.pk

    def preview(self, row, now):
        return [_("Nothing moves."), _("Nobody can approve it any more.")]

    def run(self, row, *, reason, now, also):
        return self.verbs.withdraw(**self.key(row), maker_id=also.user.pk, now=now, also=also)


def said_to_maker(row, user, open_at) -> list:
    """A warning for whoever looks at what he has proposed himself."""
    is_own = row.status == open_at and row.maker_id == user.pk
    return [_("You proposed this: another person has to decide.")] if is_own else []
