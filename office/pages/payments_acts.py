"""What staff may do to an order, a case, a channel refund and a bill."""

from datetime import datetime, timedelta

from django import forms
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kit.http.problems import Invalid
from kit.plumbing import texts
from office.export.jobs import files
from office.frame.actions import ReasonAction
from office.frame.proposals import Proposal, making
from payments import (
    ask,
    bills,
    book,
    cases,
    channel_refund,
    conclude_refund,
    end_refund,
    reconcile,
)
from payments.channels import registry
from payments.channels.base import ChannelDown, NoBill, NotSent, Refused, State
from payments.models import Bill
from payments.states import CHANNELS, PAYABLE, CaseStatus, OrderStatus, PayType, RefundStatus
from wallets import accounts, adjust
from wallets.models import Wallet

_SAID = {
    State.PAID: gettext_lazy("The channel says: paid."),
    State.PENDING: gettext_lazy("The channel says: not paid yet, or it did not answer."),
    State.CLOSED: gettext_lazy("The channel says: closed, nobody can pay it any more."),
    State.UNKNOWN: gettext_lazy("The channel does not know this order (yet)."),
}


class AskChannel(ReasonAction):
    name = "ask_channel"
    title = gettext_lazy("Ask the channel")
    permission = "payments.ask_channel"

    def refusal(self, order, now):
        is_confirmed = order.status == OrderStatus.CONFIRMED
        return _("This order is confirmed: nothing to ask.") if is_confirmed else ""

    def preview(self, order, now):
        told = {"channel": order.get_pay_type_display(), "number": order.order_no}
        said = [
            _("%(channel)s is asked now what became of order %(number)s.") % told,
            _("If it says paid, the order is confirmed and the money goes where it belongs."),
        ]
        if order.status not in PAYABLE:
            said.append(_("It has ended here: what is not wanted any more waits as a case."))
        return said

    def facts(self, order):
        return (order.status, order.chases)

    def run(self, order, *, reason, now, also):
        """Noted before it is asked: a call to a channel has no transaction to commit with. Where it
        cannot be asked now, that is said (NotSent) and nothing noted."""
        with registry.line(order.pay_type, order.merchant):
            with transaction.atomic(durable=True):
                also.keep(True)
            return ask.ask(order_id=order.pk, now=now) or False

    def told(self, order, result):
        return _SAID[result]


class ResolveCase(ReasonAction):
    name = "resolve_case"
    title = gettext_lazy("Mark the case resolved")
    permission = "payments.resolve_case"
    reason_label = gettext_lazy("What was done about it")

    def refusal(self, case, now):
        if case.status != CaseStatus.OPEN:
            return _("This case is resolved already.")
        return cases.why_open(case)

    def preview(self, case, now):
        told = {"kind": case.get_kind_display(), "money": f"{case.amount:,.2f}"}
        return [
            _("The case leaves the queue: %(kind)s, %(money)s yuan.") % told,
            _("No money moves by this; a refund or an adjustment is proposed on its own."),
        ]

    def facts(self, case):
        return (case.status, str(case.held))

    def run(self, case, *, reason, now, also):
        return cases.resolve(
            case_id=case.pk, staff_id=also.user.pk, resolution=reason, now=now, also=also
        )


class BookSurplus(ReasonAction):
    name = "book_surplus"
    title = gettext_lazy("Book into suspense")
    permission = "payments.resolve_case"

    def refusal(self, case, now):
        if case.status != CaseStatus.OPEN:
            return _("This case is resolved already.")
        if book.is_bookable(case):
            return cases.why_open(case)
        if book.payment_of(case):
            return str(book.StillPayable.detail)
        return _("This case is about no payment of a bill.")

    def preview(self, case, now):
        told = {"money": f"{case.amount:,.2f}", "trade": case.trade_no}
        return [
            _("%(money)s yuan of trade %(trade)s go into suspense, with a case of their own.")
            % told,
            _("From there they leave by a refund or an adjustment, approved by another person."),
            _("A notification that comes late finds them booked."),
        ]

    def facts(self, case):
        return (case.status,)

    def run(self, case, *, reason, now, also):
        return book.book(case_id=case.pk, staff_id=also.user.pk, reason=reason, now=now, also=also)


class RefundForm(forms.Form):
    case_id = forms.IntegerField(
        required=False, min_value=1, max_value=2**63 - 1, widget=forms.HiddenInput
    )
    order_no = forms.CharField(
        label=gettext_lazy("order number of a top-up"), max_length=64, required=False
    )
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


class ProposeRefund(Proposal):
    name = "propose_refund"
    title = gettext_lazy("Propose a channel refund")
    permission = "payments.propose_refund"
    form = RefundForm

    def notes(self):
        most = {"most": f"{settings.REDPACKET_MAKER_MAX:,.2f}"}
        return [
            _("Nothing moves until another person has approved it."),
            _("You may propose at most %(most)s yuan at once.") % most,
        ]

    def preview(self, data, now):
        wanted = {key: data[key] for key in ("case_id", "order_no", "amount")}
        payment = channel_refund.chosen(**wanted)
        told = {
            "money": f"{data['amount']:,.2f}",
            "paid": f"{payment.paid:,.2f}",
            "rest": f"{payment.rest - data['amount']:,.2f}",
            "channel": payment.pay_type.label,
            "trade": payment.trade_no,
            "source": payment.source,
        }
        lines = [
            _("%(money)s of the %(paid)s yuan paid go back through %(channel)s.") % told,
            _("Trade number %(trade)s; the money leaves %(source)s.") % told,
            _("%(rest)s yuan are then left to refund.") % told,
        ]
        if user := accounts.owner(payment.source):
            wallet = Wallet.objects.filter(user_id=user).first()
            if wallet is None or wallet.balance < data["amount"]:
                lines.append(_("The balance does not suffice: an approval would be refused."))
        return [
            *lines,
            _("Reason: %(reason)s") % data,
            _("Attachment: %(attachment)s") % {"attachment": data["attachment"] or "-"},
            _("Nothing moves until another person has approved it."),
        ]

    def run(self, data, *, user, now, request):
        also = making(user, request, self.name, data["reason"])
        return channel_refund.propose(**data, maker_id=user.pk, now=now, also=also)


class _DecideRefund(ReasonAction):
    permission = "payments.check_refund"
    needs_reason = False
    reason_label = gettext_lazy("Remark")

    def allows(self, user, refund):
        """Four eyes: never one's own."""
        return refund.maker_id != user.pk

    def refusal(self, refund, now):
        is_open = refund.status == RefundStatus.PROPOSED
        return "" if is_open else _("This has been decided already.")

    def facts(self, refund):
        return (refund.status,)


class ApproveRefund(_DecideRefund):
    name = "approve_refund"
    title = gettext_lazy("Approve")

    def refusal(self, refund, now):
        most = channel_refund.most_for_checker(refund)
        if refund.amount > most:
            return str(adjust.over_limit(most))
        return super().refusal(refund, now)

    def preview(self, refund, now):
        told = {
            "money": f"{refund.amount:,.2f}",
            "source": refund.source,
            "channel": refund.get_pay_type_display(),
            "maker": refund.maker or _("system"),
            "reason": refund.reason,
        }
        return [
            _("%(money)s yuan leave %(source)s now, and %(channel)s is told to pay them back.")
            % told,
            _("Proposed by %(maker)s: %(reason)s") % told,
        ]

    def run(self, refund, *, reason, now, also):
        return channel_refund.approve(
            refund_no=refund.refund_no, checker_id=also.user.pk, now=now, also=also
        )


class RejectRefund(_DecideRefund):
    name = "reject_refund"
    title = gettext_lazy("Reject")
    is_grave = needs_reason = True
    reason_label = gettext_lazy("Reason")

    def preview(self, refund, now):
        told = {"maker": refund.maker or _("system"), "reason": refund.reason}
        return [_("Nothing moves."), _("Proposed by %(maker)s: %(reason)s") % told]

    def run(self, refund, *, reason, now, also):
        return channel_refund.reject(
            refund_no=refund.refund_no, checker_id=also.user.pk, now=now, also=also
        )


class WithdrawRefund(ReasonAction):
    name = "withdraw_refund"
    title = gettext_lazy("Withdraw the proposal")
    permission = "payments.propose_refund"
    is_grave = True

    def allows(self, user, refund):
        """One's own alone."""
        return refund.maker_id == user.pk

    def refusal(self, refund, now):
        is_open = refund.status == RefundStatus.PROPOSED
        return "" if is_open else _("This has been decided already.")

    def preview(self, refund, now):
        return [_("Nothing moves."), _("Nobody can approve it any more.")]

    def facts(self, refund):
        return (refund.status,)

    def run(self, refund, *, reason, now, also):
        return channel_refund.withdraw(
            refund_no=refund.refund_no, maker_id=also.user.pk, now=now, also=also
        )


class _ConcludeRefund(ReasonAction):
    """What a person has seen at the channel, which the channel does not tell by itself."""

    permission = "payments.conclude_refund"
    is_grave = True
    is_paid: bool
    reason_label = gettext_lazy("What the channel's own pages show")

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
    title = gettext_lazy("The payer has the money")
    is_paid = True

    def preview(self, refund, now):
        told = {"channel": refund.get_pay_type_display(), "money": f"{refund.amount:,.2f}"}
        return [
            _("No money moves: %(channel)s has paid %(money)s yuan back, by your word.") % told,
            _("The channel is not asked about it any more."),
        ]


class RefundCameBack(_ConcludeRefund):
    name = "refund_came_back"
    title = gettext_lazy("The money is with us again")
    is_paid = False

    def preview(self, refund, now):
        told = {"source": refund.source, "money": f"{refund.amount:,.2f}"}
        return [
            _("%(money)s yuan go back to %(source)s now, by your word.") % told,
            _("Should the channel pay it after all, there will be a case."),
        ]


UPLOAD_MAX_BYTES = 32 * 1024 * 1024  # a channel's day of half a million rows, packed
CHANNEL_CHOICES = [(channel.value, channel.label) for channel in CHANNELS]


class BillForm(forms.Form):
    channel = forms.TypedChoiceField(
        label=gettext_lazy("channel"),
        coerce=lambda value: PayType(int(value)),
        choices=CHANNEL_CHOICES,
    )
    day = forms.DateField(label=gettext_lazy("day"), widget=forms.DateInput(attrs={"type": "date"}))

    def clean_day(self):
        """A bill is complete once its day is over, in the channels' time."""
        day = self.cleaned_data["day"]
        if day >= timezone.now().astimezone(bills.ZONE).date():
            raise forms.ValidationError(_("This day is not over yet."))
        return day


class UploadForm(BillForm):
    file = forms.FileField(label=gettext_lazy("bill"))

    def clean_file(self):
        file = self.cleaned_data["file"]
        if file.size > UPLOAD_MAX_BYTES:
            most = {"most": UPLOAD_MAX_BYTES // 1024 // 1024}
            raise forms.ValidationError(_("At most %(most)d MB.") % most)
        return file


class RunBill(Proposal):
    """Compare a day with the bill that the channel itself gives."""

    name = "run_bill"
    title = gettext_lazy("Fetch a bill and compare")
    permission = "payments.reconcile"
    form = BillForm
    is_previewed = False

    def begin(self, given):
        yesterday = timezone.now().astimezone(bills.ZONE).date() - timedelta(days=1)
        return {"day": yesterday.isoformat(), **super().begin(given)}

    def notes(self):
        return [_("Comparing moves no money; each difference becomes a case, once.")]

    def content(self, data) -> list[bytes] | None:
        try:
            return reconcile.download(pay_type=data["channel"], day=data["day"])
        except NoBill:
            return None  # no transactions: what our books say of that day is missing
        except LookupError:
            raise Invalid(errors={"channel": [_("This channel is not in use here.")]}) from None
        except NotSent:
            raise
        except (ChannelDown, Refused) as error:
            says = _("The channel gives no bill: %(error)s") % {"error": error}
            raise Invalid(errors={"channel": [says]}) from error

    def run(self, data, *, user, now: datetime, request):
        pay_type, day = data["channel"], data["day"]
        also = making(user, request, self.name, f"{pay_type.word} {day}")
        try:
            with files.seat():
                reconcile.reconcile(
                    pay_type=pay_type, day=day, content=self.content(data), now=now, also=also
                )
        except bills.Unreadable as error:
            says = _("This is no bill of this channel: %(error)s") % {"error": error}
            field = "file" if "file" in data else "channel"
            raise Invalid(errors={field: [says]}) from error
        return Bill.objects.get(pay_type=pay_type, day=day)

    def told(self, bill):
        told = {"matched": bill.matched, "differences": bill.differences}
        return _("Compared: %(matched)d matched, %(differences)d differences.") % told


class UploadBill(RunBill):
    name = "upload_bill"
    title = gettext_lazy("Upload a bill and compare")
    form = UploadForm

    def content(self, data):
        return data["file"].read()


ORDER_ACTS = [AskChannel()]
CASE_ACTS = [BookSurplus(), ResolveCase()]
REFUND_ACTS = [
    ApproveRefund(),
    RejectRefund(),
    WithdrawRefund(),
    RefundWasPaid(),
    RefundCameBack(),
]
PROPOSE_REFUND = ProposeRefund()
RUN_BILL, UPLOAD_BILL = RunBill(), UploadBill()
