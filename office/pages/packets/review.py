"""The queue of refunds that finance looks through."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from office.frame.actions import ReasonAction
from office.frame.columns import facts, shown_column
from office.frame.dossier import Page, to, yuan
from office.frame.filters import AgeFilter, AmountRangeFilter, DateRangeFilter
from office.readonly import ReadOnlyAdmin, staff_did
from office.shown.packets import review_state
from packets import review
from packets.models import RefundReview
from packets.states import ReviewState
from wallets.models import LedgerLine
from wallets.states import LineKind


class _Review(ReasonAction):
    """Move an expiry refund on; the kinds of it differ in where to."""

    permission = "packets.review_refund"
    is_bulk = True
    needs_reason = False
    reason_label = _("Note")
    to = ReviewState.REVIEWED
    says = _("Looked at, and in order.")

    def refusal(self, row, now):
        if row.state in RefundReview.MOVES.sources(self.to):
            return ""
        return _("This refund is %(state)s already.") % {"state": row.get_state_display()}

    def preview(self, row, now):
        told = {"money": f"{row.amount:,.2f}", "user": row.user_id}
        return [_("%(money)s yuan to %(user)s.") % told, self.says]

    def facts(self, row):
        return (row.state,)

    def run(self, row, *, reason, now, also):
        staff_id = also.user.pk
        return review.decide(
            review_id=row.pk, to=self.to, staff_id=staff_id, note=reason, now=now, also=also
        )


class MarkReviewed(_Review):
    name = "mark_reviewed"
    title = _("Mark reviewed")
    key = "a"


class Dispute(_Review):
    name = "dispute_refund"
    title = _("Dispute")
    key = "d"
    is_grave = needs_reason = True
    to = ReviewState.DISPUTED
    says = _("Nothing is frozen; the dispute is shown on the packet and the wallet.")


class MarkSettled(_Review):
    name = "mark_settled"
    title = _("Mark settled")
    key = "s"
    to = ReviewState.SETTLED
    says = _("Nothing more to do: it leaves the queue for good.")


REVIEW_ACTS = [MarkReviewed(), Dispute(), MarkSettled()]


@admin.register(RefundReview)
class RefundReviewAdmin(ReadOnlyAdmin):
    list_display = ["public_id", "amount", "review", "user_id", "created_at"]
    list_display += ["pay_type", "decided", "note"]
    list_filter = [
        "state",
        ("created_at", AgeFilter),
        ("created_at", DateRangeFilter),
        "pay_type",
        ("amount", AmountRangeFilter),
    ]
    list_select_related = ["packet", "decided_by"]
    search_fields = ["user_id", "packet__public_id"]
    search_help_text = _("sender or packet id")
    totals = {"amount": _("amount")}
    acts = REVIEW_ACTS
    row_acts = REVIEW_ACTS
    sections = (staff_did,)

    public_id = shown_column(lambda row: row.packet.public_id, _("packet id"))
    review = shown_column(review_state, _("state"))
    decided = shown_column(lambda row: row.decided_by or "-", _("decided by"))

    def page(self, request, row):
        told = {"money": f"{row.amount:,.2f}", "user": row.user_id}
        lines = LedgerLine.objects.filter(
            kind=LineKind.EXPIRY_REFUND, reference=row.packet.public_id
        )
        page = Page(
            sentence=_("%(money)s yuan of an expired packet went back to %(user)s.") % told,
            badges=[review_state(row)],
            facts=[
                (_("packet id"), to(row.packet, row.packet.public_id)),
                *facts(row, "user_id", "amount"),
                (_("of a packet of"), yuan(row.packet.total_money)),
                *facts(row, "pay_type", "created_at", "decided_by", "decided_at"),
                *((_("ledger line"), to(line, line.pk)) for line in lines),
            ],
        )
        if row.state == ReviewState.DISPUTED:
            page.warnings = [_("Disputed refund: %(note)s") % {"note": row.note}]
        return page
