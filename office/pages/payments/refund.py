"""A channel refund: its page."""

from django.contrib import admin
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from kit.telling import told
from office.frame import four_eyes
from office.frame.columns import age_column, facts, shown_column, worded
from office.frame.dossier import Page, found_by, to
from office.frame.filters import AgeFilter, DateRangeFilter
from office.pages.payments.refund_acts import FOUR_EYES, PROPOSE_REFUND, REFUND_ACTS
from office.readonly import ReadOnlyAdmin, staff_did
from office.shown.accounts import account, account_name
from office.shown.payments import refund_sentence, refund_status
from office.shown.wallets import eyes
from payments.models import ChannelRefund
from payments.states import RefundStatus


@admin.register(ChannelRefund)
class ChannelRefundAdmin(ReadOnlyAdmin):
    list_display = ["refund_no", "amount", "state", "maker", "proposed_at"]
    list_display += ["age", "pay_type", "order_no", "checker"]
    list_filter = [
        "status",
        "pay_type",
        ("proposed_at", AgeFilter),
        ("proposed_at", DateRangeFilter),
    ]
    export_told = worded(source=account_name, reason=told, answer=told)
    list_select_related = ["maker", "checker"]
    search_fields = ["refund_no", "order_no"]
    search_help_text = _("refund number or order number")
    totals = {"amount": _("amount")}
    acts = REFUND_ACTS
    row_acts = FOUR_EYES
    proposals = [PROPOSE_REFUND]
    sections = (staff_did,)

    state = shown_column(refund_status, _("status"))
    age = age_column("proposed_at", "decided_at")

    def parts(self, changelist):
        return {
            status.label: (Q(status=status), {"status__exact": status.value})
            for status in RefundStatus
        }

    def page(self, request, refund):
        return Page(
            sentence=refund_sentence(refund),
            badges=[refund_status(refund)],
            facts=[
                *facts(refund, "refund_no", "their_no", "order_no", "trade_no", "paid", "amount"),
                (_("source"), account(refund.source)),
                (_("reason"), told(refund.reason)),
                *facts(refund, "attachment"),
                (_("case"), to(refund.case, refund.case) if refund.case else "-"),
                *facts(refund, "done_at"),
                (_("the channel's answer"), told(refund.answer) or "-"),
                *facts(refund, "chases"),
            ],
            sections=[eyes(refund)],
            warnings=four_eyes.said_to_maker(refund, request.user),
        )


found_by(ChannelRefund, "refund_no", _("channel refunds"), "payments.view_channelrefund")
