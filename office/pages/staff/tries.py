from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from office.accounts import tries
from office.frame.columns import facts
from office.frame.dossier import Page, badge
from office.frame.filters import DateRangeFilter
from office.models import Tries
from office.pages.staff.tries_acts import Unlock
from office.readonly import ReadOnlyAdmin


@admin.register(Tries)
class TriesAdmin(ReadOnlyAdmin):
    list_display = ["until", "username", "address", "kind", "used", "state"]
    list_filter = ["is_locked", ("until", DateRangeFilter)]
    search_fields = ["username", "address"]
    search_help_text = _("name given, address")
    acts = [Unlock()]

    @admin.display(description=_("state"))
    def state(self, row):
        return badge("frozen", _("locked")) if row.is_locked else badge("open", _("open"))

    def page(self, request, row):
        most = tries.MOST[Tries.Kind(row.kind)]
        return Page(
            sentence=_("%(used)d of %(most)d tries are used up.")
            % {"used": row.used, "most": most},
            badges=[self.state(row)],
            facts=facts(row, "username", "address", "kind", "until", "known_at"),
        )
