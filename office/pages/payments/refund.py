"""A channel refund: its page."""

from django.contrib import admin
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kit.telling import told
from office.frame import columns, four_eyes
from office.frame.dossier import Page, found, found_by, moment, to, yuan
from office.frame.filters import AgeFilter
from office.frame.lists import DateRangeFilter
from office.pages.payments.refund_acts import FOUR_EYES, PROPOSE_REFUND, REFUND_ACTS
from office.readonly import ReadOnlyAdmin, staff_did
from office.shown.accounts import account, account_name
from office.shown.payments import refund_sentence, refund_status
from office.shown.wallets import eyes
from payments.models import ChannelRefund
from payments.states import RefundStatus


@admin.register(ChannelRefund)
class ChannelRefundAdmin(ReadOnlyAdmin):
    list_display = [
        "refund_no",
        "money",
        "state",
        "maker",
        "at",
        "age",
        "channel",
        "order",
        "checker",
    ]
    list_filter = [
        "status",
        "pay_type",
        ("proposed_at", AgeFilter),
        ("proposed_at", DateRangeFilter),
    ]
    export_told = columns.worded(source=account_name, reason=told, answer=told)
    list_select_related = ["maker", "checker"]
    search_fields = ["refund_no", "order_no"]
    search_help_text = gettext_lazy("refund number or order number")
    totals = {"amount": gettext_lazy("amount")}
    acts = REFUND_ACTS
    row_acts = frozenset(action.name for action in FOUR_EYES)
    proposals = [PROPOSE_REFUND]
    sections = (staff_did,)

    state = columns.shown_column(refund_status, gettext_lazy("status"))
    money = columns.money_column("amount", gettext_lazy("amount"))
    channel = columns.words_column("pay_type", gettext_lazy("channel"))
    order = columns.found_column("order_no", gettext_lazy("order number"))
    at = columns.when_column("proposed_at", gettext_lazy("proposed at"))
    age = columns.age_column("proposed_at", "decided_at")

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
                (_("refund number"), refund.refund_no),
                (_("number at the channel"), refund.their_no or "-"),
                (_("order number"), found(refund.order_no)),
                (_("trade number"), refund.trade_no),
                (_("paid"), yuan(refund.paid)),
                (_("amount"), yuan(refund.amount)),
                (_("source"), account(refund.source)),
                (_("reason"), told(refund.reason)),
                (_("attachment"), refund.attachment or "-"),
                (_("case"), to(refund.case, refund.case) if refund.case else "-"),
                (_("done at"), moment(refund.done_at)),
                (_("the channel's answer"), told(refund.answer) or "-"),
                (_("tries"), refund.chases),
            ],
            sections=[eyes(refund)],
            warnings=four_eyes.said_to_maker(refund, request.user),
        )


found_by(ChannelRefund, "refund_no", gettext_lazy("channel refunds"), "payments.view_channelrefund")
