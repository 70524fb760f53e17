"""The admin site: its name, its menu, the box that finds anything, the second factor of staff."""

from functools import wraps

from django import forms
from django.conf import settings
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from office import errors, menu
from office.frame import find, reader


class HongbaoAdminSite(AdminSite):
    site_header = _("Hongbao back office")
    site_title = _("Hongbao")
    index_title = _("Back office")
    site_url = None
    login_template = "admin/login_otp.html"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.disable_action("delete_selected")

    @property
    def login_form(self) -> type[forms.Form]:
        from office.accounts.signin import SignInForm  # needs the loaded user model

        return SignInForm

    def login(self, request, extra_context=None):
        from office.accounts.tries import Locked

        try:
            return super().login(request, extra_context)
        except Locked as locked:
            return self.locked(request, locked)

    def locked(self, request, locked) -> TemplateResponse:
        minutes, hours = max(1, -(-locked.wait_s // 60)), -(-locked.wait_s // 3600)
        again = ngettext(
            "Please try again in %(minutes)d minute.",
            "Please try again in %(minutes)d minutes.",
            minutes,
        ) % {"minutes": minutes}
        if hours > 1:
            again = _("Please try again in %(hours)d hours.") % {"hours": hours}
        context = {
            **self.each_context(request),
            "title": locked.title,
            "again": again,
            "request_id": getattr(request, "request_id", ""),
        }
        return TemplateResponse(
            request, "admin/locked.html", context, status=locked.status, headers=locked.headers
        )

    def has_permission(self, request) -> bool:
        """Staff, and verified by a second factor where that is on."""
        is_verified = not settings.REDPACKET_STAFF_OTP or request.user.is_verified()
        return super().has_permission(request) and is_verified

    def admin_view(self, view, cacheable=False):
        """Made and rendered for whoever asks."""

        @wraps(view)
        def read(request, *args, **kwargs):
            with reader.reading(request.user):
                answer = view(request, *args, **kwargs)
                if isinstance(answer, HttpResponseNotAllowed):
                    return errors.not_allowed(request, answer)
                return answer.render() if isinstance(answer, TemplateResponse) else answer

        return super().admin_view(read, cacheable)

    def each_context(self, request):
        may_find = find.may_find(request.user.has_perm)
        return {**super().each_context(request), "may_find": may_find}

    def get_app_list(self, request, app_label=None):
        apps = self._build_app_dict(request, app_label)
        return list(apps.values()) if app_label else menu.sections(apps)

    def index(self, request, extra_context=None):
        from office import desk as dashboard
        from office.readonly import done_by

        blocks, charts = dashboard.blocks(request.user)
        shown = {"mine": done_by(request.user), "blocks": blocks, "charts": charts}
        return super().index(request, {**shown, **(extra_context or {})})

    def get_urls(self):
        return [
            path("find/", self.admin_view(self.find), name="find"),
            path("join/<str:link>/", self.join, name="join"),
            *super().get_urls(),
        ]

    def join(self, request, link: str):
        from office.accounts import doors

        return doors.join(self, request, link)

    def password_change(self, request, extra_context=None):
        from office.accounts import doors
        from office.accounts.tries import Locked

        try:
            return doors.change_password(self, request)
        except Locked as locked:
            return self.locked(request, locked)

    def find(self, request):
        """Straight to the page when there is one hit, else what was found, by kind."""
        text = request.GET.get("q", "")
        found = find.find(text, request.user.has_perm)
        if found.only:
            return HttpResponseRedirect(found.only.url)
        if not find.may_find(request.user.has_perm):
            raise PermissionDenied
        typed = find.Typed.of(text)
        context = {
            **self.each_context(request),
            "title": _("Find"),
            "text": typed.text if typed else "",
            "found": found,
        }
        return TemplateResponse(request, "admin/hongbao/find.html", context)
