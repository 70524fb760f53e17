"""An adjustment: its page."""

from django.contrib import admin
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from office.frame import four_eyes
from office.frame.columns import age_column, money_column, shown_column, when_column, worded
from office.frame.dossier import Page, found_by, to, yuan
from office.frame.filters import AgeFilter
from office.frame.lists import DateRangeFilter
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
    list_display = [
        "reference",
        "money",
        "state",
        "maker",
        "at",
        "age",
        "out_of",
        "into",
        "checker",
    ]
    list_filter = ["status", ("proposed_at", AgeFilter), ("proposed_at", DateRangeFilter)]
    export_told = worded(source=account_name, target=account_name)
    list_select_related = ["maker", "checker"]
    search_fields = ["reference"]
    search_help_text = gettext_lazy("reference")
    totals = {"amount": gettext_lazy("amount")}
    acts = ADJUSTMENT_ACTS
    row_acts = frozenset(action.name for action in ADJUSTMENT_ACTS)
    proposals = [PROPOSE_ADJUSTMENT]
    sections = (staff_did, case_of)

    state = shown_column(adjustment_status, gettext_lazy("status"))
    money = money_column("amount", gettext_lazy("amount"))
    out_of = shown_column(lambda row: account(row.source), gettext_lazy("source"))
    into = shown_column(lambda row: account(row.target), gettext_lazy("target"))
    at = when_column("proposed_at", gettext_lazy("proposed at"))
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
                (_("reference"), row.reference),
                (_("amount"), yuan(row.amount)),
                (_("source"), account(row.source)),
                (_("target"), account(row.target)),
                (_("reason"), row.reason),
                (_("attachment"), row.attachment or "-"),
                *((_("ledger line"), to(line, line.pk)) for line in lines),
            ],
            sections=[eyes(row)],
            warnings=four_eyes.said_to_maker(row, request.user),
        )


found_by(Adjustment, "reference", gettext_lazy("adjustments"), "wallets.view_adjustment")
