"""What one person proposes and another decides (四眼): the form for money, and the acts approve,
reject, withdraw.

A page mixes in what is its own: `permission`, `verbs` (approve, reject, withdraw) and `known_by`.
"""

from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from kit.plumbing import texts
from kit.telling import told
from office.frame.actions import ReasonAction, RemarkAction
from office.frame.columns import maker
from office.frame.proposals import Proposal, making
from office.frame.reason import ReasonField


def written_out(amount: Decimal) -> None:
    if int(amount.as_tuple().exponent) > 0:
        raise forms.ValidationError(_("Write the amount out: 1000, not 1e3."))


class MoneyForm(forms.Form):
    """What each proposal to move money says, behind fields of its own (`field_order`)."""

    amount = forms.DecimalField(
        label=_("amount"),
        min_value=0,
        max_digits=13,
        decimal_places=2,
        validators=[written_out],
    )
    reason = ReasonField(label=_("reason"))
    attachment = forms.CharField(
        label=_("attachment"),
        max_length=255,
        required=False,
        validators=[texts.validate_plain],
        help_text=_("where the evidence is kept: a ticket, a document's number"),
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


def is_open(row) -> bool:
    """Whether it waits for somebody: in the state that every proposal begins in."""
    return row.status == row._meta.get_field("status").get_default()


class _OnProposal(ReasonAction):
    def refusal(self, row, now):
        return "" if is_open(row) else _("This has been decided already.")

    def facts(self, row):
        return (row.status,)

    @staticmethod
    def proposed_by(row) -> str:
        given = {"maker": maker(row), "reason": told(row.reason)}
        return _("Proposed by %(maker)s: %(reason)s") % given

    @staticmethod
    def evidence(row) -> str:
        return _("Attachment: %(attachment)s") % {"attachment": row.attachment or "-"}


class _Decide(_OnProposal):
    verb: str

    def allows(self, user, row):
        """Four eyes: never one's own."""
        return row.maker_id != user.pk

    def run(self, row, *, reason, now, also):
        decide = getattr(self.verbs, self.verb)
        return decide(**self.row(row), checker_id=also.user.pk, now=now, also=also)


class Approve(_Decide, RemarkAction):
    title = _("Approve")
    key, verb = "a", "approve"
    is_approval = is_bulk = True


class Reject(_Decide):
    title = _("Reject")
    key, verb = "r", "reject"
    is_grave = True

    def preview(self, row, now):
        return [_("Nothing moves."), self.proposed_by(row)]


class Withdraw(_OnProposal):
    title = _("Withdraw the proposal")
    key = "w"
    is_grave = True

    def allows(self, user, row):
        """One's own alone."""
        return row.maker_id == user.pk

    def preview(self, row, now):
        return [_("Nothing moves."), _("Nobody can approve it any more.")]

    def run(self, row, *, reason, now, also):
        return self.verbs.withdraw(**self.row(row), maker_id=also.user.pk, now=now, also=also)


def said_to_maker(row, user) -> list:
    """A warning for whoever looks at what he has proposed himself."""
    is_own = is_open(row) and row.maker_id == user.pk
    return [_("You proposed this: another person has to decide.")] if is_own else []
