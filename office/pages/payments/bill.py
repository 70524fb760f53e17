"""A channel's bill of a day: its page, and how it is fetched or uploaded."""

from datetime import datetime, timedelta

from django import forms
from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from kit import clock
from kit.refusals import Invalid
from kit.telling import told
from office.export.jobs import files
from office.frame.columns import facts, shown_column, worded
from office.frame.dossier import Page, badge, toned, yuan
from office.frame.filters import DateRangeFilter
from office.frame.proposals import Proposal, making
from office.pages.payments import bill_side, late_bills
from office.readonly import ReadOnlyAdmin, staff_did
from office.shown.payments import case_rows
from payments import bills, reconcile
from payments.channels.base import ChannelDown, NoBill, NotSent, Refused
from payments.models import Bill
from payments.states import CHANNELS, BillState, PayType

UPLOAD_MAX_BYTES = 32 * 1024 * 1024  # a channel's day of half a million rows, packed

CHANNEL_CHOICES = [(channel.value, channel.label) for channel in CHANNELS]


class BillForm(forms.Form):
    channel = forms.TypedChoiceField(
        label=_("channel"),
        coerce=lambda value: PayType(int(value)),
        choices=CHANNEL_CHOICES,
    )
    day = forms.DateField(label=_("day"), widget=forms.DateInput(attrs={"type": "date"}))

    def clean_day(self):
        """A bill is complete once its day is over, in the channels' time; they keep it for a year,
        and a slip of the hand would stand among the bills for ever."""
        day, today = self.cleaned_data["day"], clock.now().astimezone(bills.ZONE).date()
        if day >= today:
            raise forms.ValidationError(_("This day is not over yet."))
        if day < today - timedelta(days=366):
            raise forms.ValidationError(_("This day is more than a year ago."))
        return day


class UploadForm(BillForm):
    file = forms.FileField(label=_("bill"))

    def clean_file(self):
        file = self.cleaned_data["file"]
        if file.size > UPLOAD_MAX_BYTES:
            most = {"most": UPLOAD_MAX_BYTES // 1024 // 1024}
            raise forms.ValidationError(_("At most %(most)d MB.") % most)
        return file


class RunBill(Proposal):
    """Compare a day with the bill that the channel itself gives."""

    name = "run_bill"
    title = _("Fetch a bill and compare")
    permission = "payments.reconcile"
    form = BillForm
    is_previewed = False

    def begin(self, given):
        yesterday = clock.now().astimezone(bills.ZONE).date() - timedelta(days=1)
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
            says = _("The channel gives no bill: %(error)s") % {"error": told(str(error))}
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
            says = _("This is no bill of this channel: %(error)s") % {"error": told(str(error))}
            field = "file" if "file" in data else "channel"
            raise Invalid(errors={field: [says]}) from error
        return Bill.objects.get(pay_type=pay_type, day=day)

    def told(self, bill):
        given = {"matched": bill.matched, "differences": bill.differences}
        return _("Compared: %(matched)d matched, %(differences)d differences.") % given


class UploadBill(RunBill):
    name = "upload_bill"
    title = _("Upload a bill and compare")
    form = UploadForm

    def content(self, data):
        return data["file"].read()


RUN_BILL, UPLOAD_BILL = RunBill(), UploadBill()

CASES_SHOWN = 200

_bill_state = toned(
    "state", BillState, waiting="awaiting", compared="open", empty="finished", failed="void"
)


@admin.register(Bill)
class BillAdmin(ReadOnlyAdmin):
    list_display = ["on", "total", "shown_state", "pay_type", "refunded"]
    list_display += ["rows", "matched", "open", "reconciled_at"]
    export_told = worded(says=told)
    list_filter = ["state", "pay_type", ("day", DateRangeFilter)]
    proposals = [RUN_BILL, UPLOAD_BILL]
    sections = (staff_did,)
    more_pages = [
        ("late/", late_bills.view, "late"),
        ("<int:pk>/side/<slug:word>/", bill_side.view, "side"),
    ]

    on = shown_column(lambda bill: bill.day.isoformat(), _("day"))
    shown_state = shown_column(_bill_state, _("state"))

    @admin.display(description=_("differences"))
    def open(self, bill):
        if not bill.reconciled_at:
            return "-"
        tone, text = ("void", bill.differences) if bill.differences else ("open", _("none"))
        return badge(tone, text)

    def name_of(self, bill):
        return f"{bill.get_pay_type_display()} {bill.day}"

    def page(self, request, bill):
        cases = reconcile.cases_of(bill).order_by("pk")[:CASES_SHOWN]
        return Page(
            sentence=_bill_in_words(bill),
            badges=[self.shown_state(bill)],
            facts=[
                *facts(bill, "pay_type"),
                (_("day"), bill.day.isoformat()),
                *facts(bill, "rows", "matched"),
                (_("differences"), self.open(bill)),
                (_("of these in no bill"), bill.missing),
                (_("paid in all"), bill_side.to_theirs(bill, yuan(bill.total))),
                (_("refunded in all"), bill_side.to_theirs(bill, yuan(bill.refunded))),
                *facts(bill, "reconciled_at", "tries", "due_at"),
                (_("says"), told(bill.says) or "-"),
            ],
            sections=[bill_side.both(bill), case_rows(list(cases))],
        )


def _bill_in_words(bill) -> str:
    given = {
        "channel": bill.get_pay_type_display(),
        "day": bill.day.isoformat(),
        "matched": bill.matched,
        "differences": bill.differences,
        "state": bill.get_state_display(),
    }
    if bill.state == BillState.EMPTY and not bill.differences:
        return _("%(channel)s, %(day)s: no trade, by the channel and by our books.") % given
    if bill.reconciled_at:
        words = ngettext(
            "%(channel)s, %(day)s: %(matched)d matched, %(differences)d difference.",
            "%(channel)s, %(day)s: %(matched)d matched, %(differences)d differences.",
            bill.differences,
        )
        return words % given
    return _("%(channel)s, %(day)s: %(state)s.") % given
