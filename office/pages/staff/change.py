from django.contrib import admin
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from office import roles
from office.frame.columns import age_column, shown_column
from office.frame.dossier import Page, Section, moment, to, toned
from office.frame.filters import AgeFilter
from office.frame.lists import DateRangeFilter
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
    list_display = ["at", "shown_status", "user", "kind", "shown_role", "age", "maker", "checker"]
    list_select_related = ["user", "maker", "checker"]
    list_filter = ["status", ("proposed_at", AgeFilter), ("proposed_at", DateRangeFilter)]
    search_fields = ["user__username", "maker__username"]
    search_help_text = gettext_lazy("staff")
    export_told = {
        "role": lambda row: roles.shown(row.role),
        "role_before": lambda row: roles.shown(row.role_before),
    }
    acts = CHANGE_ACTS
    proposals = PROPOSALS

    at = shown_column(lambda row: moment(row.proposed_at), gettext_lazy("proposed at"))
    age = age_column("proposed_at", "decided_at")
    shown_role = shown_column(lambda row: roles.shown(row.role), gettext_lazy("role"))
    shown_status = shown_column(_status, gettext_lazy("status"))

    def page(self, request, row):
        page = Page(
            sentence=str(row),
            badges=[self.shown_status(row)],
            facts=[
                (_("account"), to(row.user, row.user)),
                (_("kind"), row.get_kind_display()),
                (_("role"), roles.shown(row.role)),
                (_("role before"), roles.shown(row.role_before)),
                (_("reason"), row.reason),
                (_("maker"), row.maker),
                (_("checker"), row.checker or "-"),
                (_("proposed at"), moment(row.proposed_at)),
                (_("decided at"), moment(row.decided_at)),
            ],
            sections=[Section(title=_("timeline"), entries=done_to(row), name="timeline")],
        )
        invitation = Invitation.objects.filter(change=row).first()
        if invitation and invitation.until:
            used = moment(invitation.used_at)
            page.facts = [
                *page.facts,
                (_("invitation good until"), moment(invitation.until)),
                (_("taken up at"), used),
            ]
        is_open = row.status == ChangeStatus.PROPOSED
        if is_open and request.user.pk in (row.maker_id, row.user_id):
            page.warnings = [_("another person has to decide this")]
        return page
