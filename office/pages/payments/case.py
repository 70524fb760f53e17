"""What finance must decide."""

from django.contrib import admin
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from kit.telling import told
from office.frame.columns import age_column, amount_column, facts, shown_column, waited, worded
from office.frame.dossier import Page, found, moment, page_of, yuan
from office.frame.filters import AgeFilter, AmountRangeFilter, DateRangeFilter
from office.frame.find import Hit, finder
from office.pages.payments.case_acts import BOOK_ACTS, QUEUE_ACTS
from office.pages.payments.case_owner import OwnerFilter
from office.pages.payments.refund_acts import PROPOSE_REFUND
from office.pages.wallets.adjustment_acts import PROPOSE_ADJUSTMENT
from office.readonly import ReadOnlyAdmin, staff_did
from office.shown.accounts import reference_name
from office.shown.payments import case_status, refund_rows, repeating
from office.shown.wallets import adjustment_rows
from payments import cases, channel_refund
from payments.models import Case, ChannelRefund, PaymentOrder
from payments.states import CaseKind, CaseStatus
from wallets import accounts
from wallets.models import Adjustment


def _refund(case) -> dict | None:
    amount = channel_refund.refundable(case)
    return {"case_id": case.pk, "order_no": case.order_no, "amount": amount} if amount else None


def _credit(case) -> dict | None:
    """The payer with what the case holds."""
    if not (held := cases.held_by(case)):
        return None
    order = PaymentOrder.objects.filter(order_no=case.order_no).first() if case.order_no else None
    return {
        "case_id": case.pk,
        "other": accounts.SUSPENSE,
        "is_credit": "credit",
        "amount": held,
        "user_id": order.user_id if order else "",
    }


SUGGESTED = {
    CaseKind.UNKNOWN_ORDER: _("find out who paid; refund through the channel"),
    CaseKind.WRONG_AMOUNT: _("refund through the channel, or credit the payer"),
    CaseKind.SECOND_PAYMENT: _("refund through the channel"),
    CaseKind.LATE_PAYMENT: _("refund through the channel"),
    CaseKind.CONTRADICTED: _(
        "look it up at the channel; bring back what has left suspense, then ask the channel again"
    ),
    CaseKind.GIVEN_BACK: _("find out at the channel who gave it back, and why"),
    CaseKind.REFUND_FAILED: _("propose the refund again, or credit the payer"),
    CaseKind.TAKEN_BACK: _("find out whose it is, and credit him"),
    CaseKind.AWAITING_LONG: _(
        "see that the channel is in the settings and answers, then ask it about the order"
    ),
    CaseKind.REFUND_STUCK: _(
        "look it up at the channel, then say on the refund's page what became of it"
    ),
    CaseKind.REFUND_PARKED: _(
        "pay it out at the channel, or take it back, then say so on the refund's page"
    ),
    CaseKind.REFUND_LATE: _("take the money back by an adjustment towards the platform"),
    CaseKind.BILL_SURPLUS: _(
        "ask the channel about the order; if it has ended, book the payment into suspense"
    ),
    CaseKind.BILL_SHORTFALL: _(
        "ask the channel where this money is; book a refund that was made there"
    ),
    CaseKind.BILL_AMOUNT: _("compare with the notification; refund or adjust"),
    CaseKind.BILL_REPEATED: _("ask the channel: one payment stands twice in its bill"),
    CaseKind.BILL_OTHER_DAY: _("nothing to do when the other day's bill matches"),
    CaseKind.BILL_ODD: _("read the row in the file, and look for its payment"),
    CaseKind.BILL_TOTAL: _("fetch the bill again: its file may be cut off"),
    CaseKind.BILL_MISSING: _("download the bill at the channel, and upload it"),
}


@admin.register(Case)
class CaseAdmin(ReadOnlyAdmin):
    list_display = ["what", "amount", "state", "order_no", "owner", "age"]
    list_display += ["in_suspense", "pay_type", "found_out", "suggested"]
    list_select_related = ["owner"]
    list_filter = [
        "status",
        "kind",
        ("owner", OwnerFilter),
        "pay_type",
        ("created_at", AgeFilter),
        ("created_at", DateRangeFilter),
        ("amount", AmountRangeFilter),
    ]
    export_told = worded(reference=reference_name, says=told, resolution=told)
    search_fields = ["order_no", "trade_no"]
    search_help_text = _("order number or trade number")
    totals = {"amount": _("amount")}
    acts = [*QUEUE_ACTS, *BOOK_ACTS]
    row_acts = QUEUE_ACTS
    sections = (staff_did,)
    offers = [
        (ChannelRefund, PROPOSE_REFUND, _refund),
        (Adjustment, PROPOSE_ADJUSTMENT, _credit),
    ]

    what = shown_column(Case.get_kind_display, _("case"), "kind")
    state = shown_column(case_status, _("status"))
    in_suspense = amount_column(lambda case: cases.held_by(case), _("in suspense"))
    found_out = shown_column(lambda case: told(case.says), _("says"), "says")
    suggested = shown_column(lambda case: SUGGESTED[case.kind], _("suggested"))

    age = age_column("created_at", "resolved_at")

    def name_of(self, case):
        return str(case.pk)

    def parts(self, changelist):
        return {kind.label: (Q(kind=kind), {"kind__exact": kind.value}) for kind in CaseKind}

    def page(self, request, case):
        by_two = {"maker", "checker"}
        refunds = ChannelRefund.objects.filter(case=case).select_related(*by_two)
        adjustments = Adjustment.objects.filter(case_id=case.pk).select_related(*by_two)
        held, is_open = cases.held_by(case), case.status == CaseStatus.OPEN
        page = Page(
            sentence=_case_sentence(case, held),
            badges=[case_status(case)],
            facts=[
                (_("number"), case.pk),
                *facts(case, "pay_type", "order_no"),
                (_("trade number"), found(case.trade_no)),
                *facts(case, "amount"),
                (_("in suspense"), yuan(held)),
                (_("says"), told(case.says) or "-"),
                *([(_("suggested"), SUGGESTED[case.kind])] if is_open else []),
                (_("case opened at"), moment(case.created_at)),
                (_("age"), waited(case.created_at, case.resolved_at)),
                *facts(case, "owner", "resolved_at"),
                (_("resolved by"), case.resolved_by or ("-" if is_open else _("system"))),
                (_("resolution"), told(case.resolution) or "-"),
            ],
            sections=[refund_rows(list(refunds.order_by("pk")))],
        )
        if held:
            page.warnings = [_("Its money is in suspense: it is resolved once that has left.")]
        if adjustments:
            page.sections.append(adjustment_rows(adjustments.order_by("pk")))
        return page


def _case_sentence(case, held) -> str:
    given = {
        "kind": case.get_kind_display(),
        "money": f"{case.amount:,.2f}",
        "held": f"{held:,.2f}",
    }
    if case.status != CaseStatus.OPEN:
        return _("%(kind)s: %(money)s yuan; it is resolved.") % given
    if held:
        return _("%(kind)s: %(money)s yuan, of which %(held)s are in suspense.") % given
    return _("%(kind)s: %(money)s yuan; somebody has to decide.") % given


@finder(_("cases"), "payments.view_case", by="echo")
def found_cases(word):
    for case in repeating(Case, word):
        yield Hit(page_of(case), case.get_kind_display(), f"{case.amount:,.2f}")
