from django.contrib import admin
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from office.accounts import tries
from office.frame.columns import when_column
from office.frame.dossier import Page, badge, moment
from office.frame.lists import DateRangeFilter
from office.models import Tries
from office.pages.staff.tries_acts import Unlock
from office.readonly import ReadOnlyAdmin


@admin.register(Tries)
class TriesAdmin(ReadOnlyAdmin):
    list_display = ["until_when", "username", "address", "kind", "used", "state"]
    list_filter = ["is_locked", ("until", DateRangeFilter)]
    search_fields = ["username", "address"]
    search_help_text = gettext_lazy("name given, address")
    acts = [Unlock()]

    until_when = when_column("until", gettext_lazy("counted until"))

    @admin.display(description=gettext_lazy("state"))
    def state(self, row):
        return badge("frozen", _("locked")) if row.is_locked else badge("open", _("open"))

    def page(self, request, row):
        most = tries.MOST[Tries.Kind(row.kind)]
        return Page(
            sentence=_("%(used)d of %(most)d tries are used up.")
            % {"used": row.used, "most": most},
            badges=[self.state(row)],
            facts=[
                (_("name given"), row.username or "-"),
                (_("address"), row.address or "-"),
                (_("kind"), row.get_kind_display()),
                (_("counted until"), moment(row.until)),
                (_("known since"), moment(row.known_at)),
            ],
        )
