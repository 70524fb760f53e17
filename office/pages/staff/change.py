from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from office import roles
from office.frame.columns import age_column, facts, shown_column
from office.frame.dossier import Page, Section, moment, to, toned
from office.frame.filters import AgeFilter, DateRangeFilter
from office.models import AccountChange, Invitation
from office.pages.staff.change_acts import CHANGE_ACTS
from office.pages.staff.proposing import PROPOSALS
from office.readonly import ReadOnlyAdmin, done_to
from office.states import ChangeStatus

_status = toned(
    "status",
    ChangeStatus,
    proposed="awaiting",
    approved="open",
    rejected="void",
    withdrawn="closed",
)


@admin.register(AccountChange)
class AccountChangeAdmin(ReadOnlyAdmin):
    list_display = ["proposed_at", "shown_status", "user", "kind", "shown_role"]
    list_display += ["age", "maker", "checker"]
    list_select_related = ["user", "maker", "checker"]
    list_filter = ["status", ("proposed_at", AgeFilter), ("proposed_at", DateRangeFilter)]
    search_fields = ["user__username", "maker__username"]
    search_help_text = _("staff")
    export_told = {
        "role": lambda row: roles.shown(row.role),
        "role_before": lambda row: roles.shown(row.role_before),
    }
    acts = CHANGE_ACTS
    proposals = PROPOSALS

    age = age_column("proposed_at", "decided_at")
    shown_role = shown_column(lambda row: roles.shown(row.role), _("role"))
    shown_status = shown_column(_status, _("status"))

    def page(self, request, row):
        page = Page(
            sentence=str(row),
            badges=[self.shown_status(row)],
            facts=[
                (_("account"), to(row.user, row.user)),
                *facts(row, "kind"),
                (_("role"), roles.shown(row.role)),
                (_("role before"), roles.shown(row.role_before)),
                *facts(row, "reason", "maker", "checker", "proposed_at", "decided_at"),
            ],
            sections=[Section(title=_("timeline"), entries=done_to(row), name="timeline")],
        )
        invitation = Invitation.objects.filter(change=row).first()
        if invitation and invitation.until:
            page.facts += [
                (_("invitation good until"), moment(invitation.until)),
                (_("taken up at"), moment(invitation.used_at)),
            ]
        is_open = row.status == ChangeStatus.PROPOSED
        if is_open and request.user.pk in (row.maker_id, row.user_id):
            page.warnings = [_("another person has to decide this")]
        return page
