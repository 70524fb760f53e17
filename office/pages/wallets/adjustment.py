"""An adjustment: its page."""

from django.contrib import admin
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from office.frame import four_eyes
from office.frame.columns import age_column, facts, shown_column, worded
from office.frame.dossier import Page, found_by, to
from office.frame.filters import AgeFilter, DateRangeFilter
from office.pages.wallets.adjustment_acts import ADJUSTMENT_ACTS, PROPOSE_ADJUSTMENT
from office.readonly import ReadOnlyAdmin, staff_did
from office.shown.accounts import account, account_name
from office.shown.payments import case_of
from office.shown.wallets import adjustment_status, eyes
from wallets import accounts
from wallets.models import Adjustment, LedgerLine
from wallets.states import AdjustmentStatus, LineKind


@admin.register(Adjustment)
class AdjustmentAdmin(ReadOnlyAdmin):
    list_display = ["reference", "amount", "state", "maker", "proposed_at"]
    list_display += ["age", "out_of", "into", "checker"]
    list_filter = ["status", ("proposed_at", AgeFilter), ("proposed_at", DateRangeFilter)]
    export_told = worded(source=account_name, target=account_name)
    list_select_related = ["maker", "checker"]
    search_fields = ["reference"]
    search_help_text = _("reference")
    totals = {"amount": _("amount")}
    acts = ADJUSTMENT_ACTS
    row_acts = ADJUSTMENT_ACTS
    proposals = [PROPOSE_ADJUSTMENT]
    sections = (staff_did, case_of)

    state = shown_column(adjustment_status, _("status"))
    out_of = shown_column(lambda row: account(row.source), _("source"))
    into = shown_column(lambda row: account(row.target), _("target"))
    age = age_column("proposed_at", "decided_at")

    def parts(self, changelist):
        given = accounts.wallet("")
        return {
            _("to wallets"): (Q(target__startswith=given), None),
            _("from wallets"): (Q(source__startswith=given), None),
        }

    def page(self, request, row):
        told = {
            "money": f"{row.amount:,.2f}",
            "source": account_name(row.source),
            "target": account_name(row.target),
        }
        sentences = {
            AdjustmentStatus.PROPOSED: _(
                "%(money)s yuan are to move from %(source)s to %(target)s."
            ),
            AdjustmentStatus.APPROVED: _("%(money)s yuan moved from %(source)s to %(target)s."),
            AdjustmentStatus.REJECTED: _(
                "%(money)s yuan were not moved from %(source)s to %(target)s."
            ),
        }
        sentences[AdjustmentStatus.WITHDRAWN] = sentences[AdjustmentStatus.REJECTED]
        lines = LedgerLine.objects.filter(kind=LineKind.ADJUSTMENT, reference=row.reference)
        return Page(
            sentence=sentences[row.status] % told,
            badges=[self.state(row)],
            facts=[
                *facts(row, "reference", "amount"),
                (_("source"), account(row.source)),
                (_("target"), account(row.target)),
                *facts(row, "reason", "attachment"),
                *((_("ledger line"), to(line, line.pk)) for line in lines),
            ],
            sections=[eyes(row)],
            warnings=four_eyes.said_to_maker(row, request.user),
        )


found_by(Adjustment, "reference", _("adjustments"), "wallets.view_adjustment")
