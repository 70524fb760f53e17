"""One's own exports."""

from django.apps import apps
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from kit.marks import listed
from office.export import jobs as export
from office.frame.columns import facts, shown_column
from office.frame.dossier import Page, badge, link
from office.models import ExportJob
from office.readonly import ReadOnlyAdmin
from office.shown import asked, names


@admin.register(ExportJob)
class ExportJobAdmin(ReadOnlyAdmin):
    """One's own exports; the files are for nobody else."""

    export_hidden = {"language", "size", "first", "last", "until", "run_at", "written"}
    list_display = ["created_at", "shown_state", "what", "asked_for", "format", "rows"]
    list_filter = ["state"]

    def has_view_permission(self, request, obj=None):
        return request.user.is_active and request.user.has_perm(export.PERMISSION)

    has_module_permission = has_view_permission

    def get_queryset(self, request):
        return super().get_queryset(request).filter(user=request.user)

    what = shown_column(lambda job: names.many(apps.get_model(job.model)._meta), _("list"))

    @admin.display(description=_("filters"))
    def asked_for(self, job):
        return listed(asked.in_words(apps.get_model(job.model), job.query), "; ") or "-"

    @admin.display(description=_("state"))
    def shown_state(self, job):
        tones = {
            ExportJob.State.RUNNING: "awaiting",
            ExportJob.State.DONE: "open",
            ExportJob.State.FAILED: "void",
        }
        return badge(tones.get(job.state, "closed"), job.get_state_display())

    def page(self, request, job):
        is_running = job.state == ExportJob.State.RUNNING
        sentences = {
            ExportJob.State.RUNNING: _(
                "This export is being written. The page looks again by itself."
            ),
            ExportJob.State.DONE: _("This export is ready; its file is kept for a day."),
            ExportJob.State.FAILED: _("This export has failed. Please ask for it again."),
            ExportJob.State.GONE: _("The file of this export has been removed."),
        }
        if job.is_cut and job.state == ExportJob.State.DONE:
            sentences[job.state] = _(
                "This export is ready, and shortened: its file holds the first %(rows)s rows of the"
                " list, since none may be longer than %(most)s rows or %(size)d MB. Those behind"
                " row %(last)s were left out; narrow the filters to get them."
            ) % {
                "rows": f"{job.rows:,}",
                "most": f"{export.ROWS_MOST:,}",
                "size": export.STORED_MOST >> 20,
                "last": job.last,
            }
        page = Page(
            sentence=sentences[job.state],
            badges=[self.shown_state(job)],
            refresh_s=3 if is_running else 0,
            facts=[
                (_("list"), self.what(job)),
                (_("filters"), self.asked_for(job)),
                (_("format"), job.format.upper()),
                (_("rows"), f"{job.rows:,}"),
                *facts(job, "created_at", "done_at"),
            ],
        )
        if is_running and (done := export.progress(job)) is not None:
            bar = format_html('<progress max="100" value="{}">{}%</progress> {}%', done, done, done)
            page.facts = [(_("progress"), bar), *page.facts]
        if job.state == ExportJob.State.DONE:
            file = link(reverse("admin:office_exportjob_file", args=[job.pk]), _("Download"))
            page.facts = [(_("file"), file), *page.facts]
        return page

    def get_urls(self):
        file = self.admin_site.admin_view(self.file)
        return [path("<int:pk>/file/", file, name="office_exportjob_file"), *super().get_urls()]

    def file(self, request, pk: int):
        """For its owner alone, while he may export and see that list."""
        job = self.get_queryset(request).filter(pk=pk, state=ExportJob.State.DONE).first()
        if job is None:
            raise Http404
        source = self.admin_site.get_model_admin(apps.get_model(job.model))
        if not (self.has_view_permission(request) and source.has_view_permission(request)):
            raise PermissionDenied
        return export.download(job)
