"""When the books were looked through, and what was found."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from office.frame.columns import facts
from office.frame.dossier import Page, Section, badge
from office.readonly import ReadOnlyAdmin
from wallets.models import AuditRun


@admin.register(AuditRun)
class AuditRunAdmin(ReadOnlyAdmin):
    list_display = ["began_at", "result", "rules", "findings", "took_ms"]

    @admin.display(description=_("result"))
    def result(self, run):
        return badge("void", _("findings")) if run.findings else badge("open", _("clean"))

    def page(self, request, run):
        told = {"rules": run.rules, "findings": run.findings}
        page = Page(
            sentence=ngettext(
                "%(rules)d rules were checked: %(findings)d finding.",
                "%(rules)d rules were checked: %(findings)d findings.",
                run.findings,
            )
            % told,
            badges=[self.result(run)],
            facts=[
                *facts(run, "began_at", "took_ms"),
                (_("behind the day"), run.since or _("from the first day on")),
                (_("up to the day"), run.until or "–"),
            ],
        )
        if run.says:
            page.sections.append(Section(_("Findings"), raw="\n".join(run.says), name="findings"))
        return page
