"""A channel refund by four eyes, and what a person says of a parked one."""

from django import forms
from django.utils.translation import gettext_lazy as _

from office.frame import four_eyes
from office.frame.actions import ReasonAction
from office.shown import checks
from office.shown.accounts import account_name
from payments import channel_refund, conclude_refund, end_refund
from payments.models import ChannelRefund


class RefundForm(four_eyes.MoneyForm):
    field_order = ["case_id", "order_no"]

    case_id = forms.IntegerField(
        required=False, min_value=1, max_value=2**63 - 1, widget=forms.HiddenInput
    )
    order_no = forms.CharField(label=_("order number of a top-up"), max_length=64, required=False)


class ProposeRefund(four_eyes.ProposeMoney):
    name = "propose_refund"
    title = _("Propose a channel refund")
    permission = "payments.propose_refund"
    form, verbs = RefundForm, channel_refund

    def tells(self, data):
        wanted = {key: data[key] for key in ("case_id", "order_no", "amount")}
        payment = channel_refund.chosen(**wanted)
        told = {
            "money": f"{data['amount']:,.2f}",
            "paid": f"{payment.paid:,.2f}",
            "rest": f"{payment.rest - data['amount']:,.2f}",
            "channel": payment.pay_type.label,
            "trade": payment.trade_no,
            "source": account_name(payment.source),
        }
        lines = [
            _("%(money)s of the %(paid)s yuan paid go back through %(channel)s.") % told,
            _("Trade number %(trade)s; the money leaves %(source)s.") % told,
            _("%(rest)s yuan are then left to refund.") % told,
        ]
        return [*lines, *checks.balances(payment.source, "", data["amount"])]


class _OnRefund:
    permission = "payments.check_refund"
    verbs, known_by = channel_refund, "refund_no"


class ApproveRefund(_OnRefund, checks.ApproveMoney):
    name = "approve_refund"
    most = staticmethod(channel_refund.most_for_checker)

    def moves(self, refund):
        told = {
            "money": f"{refund.amount:,.2f}",
            "source": account_name(refund.source),
            "channel": refund.get_pay_type_display(),
        }
        if refund.their_no:
            goes = _("%(money)s yuan leave %(source)s now; %(channel)s has paid them back already.")
        else:
            goes = _(
                "%(money)s yuan leave %(source)s now, and %(channel)s is told to pay them back."
            )
        return [goes % told]

    def rivals(self, refund):
        return ChannelRefund.objects.filter(trade_no=refund.trade_no)


class RejectRefund(_OnRefund, four_eyes.Reject):
    name = "reject_refund"


class WithdrawRefund(_OnRefund, four_eyes.Withdraw):
    name = "withdraw_refund"
    permission = "payments.propose_refund"


class _ConcludeRefund(ReasonAction):
    """What a person has seen at the channel, which the channel does not tell by itself."""

    permission = "payments.conclude_refund"
    is_grave = is_approval = True
    is_paid: bool
    reason_label = _("What the channel's own pages show")

    def allows(self, user, refund):
        return refund.checker_id != user.pk

    def refusal(self, refund, now):
        is_asked = end_refund.is_waited_for(refund)
        return "" if is_asked else _("Nobody has to say what became of this refund.")

    def facts(self, refund):
        return (refund.status, refund.answer)

    def run(self, refund, *, reason, now, also):
        return conclude_refund.conclude(
            refund_no=refund.refund_no,
            is_paid=self.is_paid,
            staff_id=also.user.pk,
            says=reason,
            now=now,
            also=also,
        )


class RefundWasPaid(_ConcludeRefund):
    name = "refund_was_paid"
    title = _("The payer has the money")
    is_paid = True

    def preview(self, refund, now):
        told = {"channel": refund.get_pay_type_display(), "money": f"{refund.amount:,.2f}"}
        return [
            _("No money moves: %(channel)s has paid %(money)s yuan back, by your word.") % told,
            _("The channel is not asked about it any more."),
        ]


class RefundCameBack(_ConcludeRefund):
    name = "refund_came_back"
    title = _("The money is with us again")
    is_paid = False

    def preview(self, refund, now):
        told = {"source": account_name(refund.source), "money": f"{refund.amount:,.2f}"}
        return [
            _("%(money)s yuan go back to %(source)s now, by your word.") % told,
            _("Should the channel pay it after all, there will be a case."),
        ]


FOUR_EYES = [ApproveRefund(), RejectRefund(), WithdrawRefund()]
REFUND_ACTS = [*FOUR_EYES, RefundWasPaid(), RefundCameBack()]

PROPOSE_REFUND = ProposeRefund()
