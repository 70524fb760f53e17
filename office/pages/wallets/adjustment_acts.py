"""An adjustment by four eyes."""

from django import forms
from django.utils.translation import gettext_lazy as _

from kit.ids import is_outside_id
from office.frame import four_eyes
from office.shown import checks
from office.shown.accounts import account_name
from wallets import accounts, adjust
from wallets.models import Adjustment


class AdjustmentForm(four_eyes.MoneyForm):
    field_order = ["user_id", "is_credit", "other", "case_id"]

    user_id = forms.CharField(
        label=_("user"),
        max_length=64,
        required=False,
        help_text=_("empty: the platform keeps a case's money"),
    )
    is_credit = forms.TypedChoiceField(
        label=_("direction"),
        coerce=lambda word: word == "credit",
        choices=[
            ("credit", _("credit the wallet")),
            ("debit", _("debit the wallet")),
        ],
    )
    other = forms.ChoiceField(
        label=_("against"),
        choices=[
            (accounts.PLATFORM, _("our own money")),
            (accounts.SUSPENSE, _("suspense")),
        ],
    )
    case_id = forms.IntegerField(
        label=_("case"),
        min_value=1,
        max_value=2**63 - 1,
        required=False,
        help_text=_("its number: suspense holds money for cases alone"),
    )

    def clean_user_id(self):
        user_id = self.cleaned_data["user_id"].strip()
        if user_id and not is_outside_id(user_id):
            raise forms.ValidationError(_("This is no user id."))
        return user_id


class ProposeAdjustment(four_eyes.ProposeMoney):
    name = "propose_adjustment"
    title = _("Propose an adjustment")
    permission = "wallets.propose_adjustment"
    form, verbs = AdjustmentForm, adjust

    def tells(self, data):
        keys = ("user_id", "amount", "is_credit", "other", "case_id")
        adjust.refuse_unless_possible(**{key: data[key] for key in keys})
        other = dict(AdjustmentForm.base_fields["other"].choices)[data["other"]]
        told = {"money": f"{data['amount']:,.2f}", "user": data["user_id"], "other": other}
        if not data["user_id"]:
            lines = [_("%(money)s yuan go from %(other)s to the platform.") % told]
        elif data["is_credit"]:
            lines = [_("%(money)s yuan go from %(other)s to the wallet of %(user)s.") % told]
        else:
            lines = [_("%(money)s yuan go from the wallet of %(user)s to %(other)s.") % told]
        if data["case_id"]:
            lines.append(_("It is about case %(number)d.") % {"number": data["case_id"]})
        elif data["other"] == accounts.SUSPENSE:
            lines.append(_("A new case is opened for it."))
        wallet = accounts.wallet(data["user_id"]) if data["user_id"] else ""
        sides = (data["other"], wallet) if data["is_credit"] else (wallet, data["other"])
        return [*lines, *checks.balances(*sides, data["amount"])]


class _OnAdjustment:
    permission = "wallets.check_adjustment"
    verbs, known_by = adjust, "reference"


class ApproveAdjustment(_OnAdjustment, checks.ApproveMoney):
    name = "approve_adjustment"

    def moves(self, adjustment):
        told = {
            "money": f"{adjustment.amount:,.2f}",
            "source": account_name(adjustment.source),
            "target": account_name(adjustment.target),
        }
        return [
            _("%(money)s yuan move from %(source)s to %(target)s, now.") % told,
            *self._case(adjustment),
        ]

    def rivals(self, adjustment):
        return Adjustment.objects.filter(source=adjustment.source)

    @staticmethod
    def _case(adjustment) -> list:
        if adjustment.case_id:
            return [_("It is about case %(number)d.") % {"number": adjustment.case_id}]
        is_back = adjustment.target == accounts.SUSPENSE
        return [_("A new case is opened for it.")] if is_back else []


class RejectAdjustment(_OnAdjustment, four_eyes.Reject):
    name = "reject_adjustment"


class WithdrawAdjustment(_OnAdjustment, four_eyes.Withdraw):
    name = "withdraw_adjustment"
    permission = "wallets.propose_adjustment"


ADJUSTMENT_ACTS = [ApproveAdjustment(), RejectAdjustment(), WithdrawAdjustment()]

PROPOSE_ADJUSTMENT = ProposeAdjustment()
