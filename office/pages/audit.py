"""When the books were looked through, and what was found."""

from django.contrib import admin
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from office.frame.columns import when_column
from office.frame.dossier import Page, Section, badge, moment
from office.readonly import ReadOnlyAdmin
from wallets.models import AuditRun


@admin.register(AuditRun)
class AuditRunAdmin(ReadOnlyAdmin):
    list_display = ["at", "result", "rules", "findings", "took_ms"]

    at = when_column("began_at", gettext_lazy("began at"))

    @admin.display(description=gettext_lazy("result"))
    def result(self, run):
        return badge("void", _("findings")) if run.findings else badge("open", _("clean"))

    def page(self, request, run):
        told = {"rules": run.rules, "findings": run.findings}
        page = Page(
            sentence=_("%(rules)d rules were checked: %(findings)d findings.") % told,
            badges=[self.result(run)],
            facts=[
                (_("began at"), moment(run.began_at)),
                (_("took (ms)"), run.took_ms),
                (_("behind the day"), run.since or _("from the first day on")),
                (_("up to the day"), run.until or "–"),
            ],
        )
        if run.says:
            page.sections.append(Section(_("Findings"), raw="\n".join(run.says), name="findings"))
        return page
