"""Pages for what could not be: in the reader's language, with a way back and the request's number,
which finds it in the log. Wired in redpacket_site/urls.py."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _
from django.views import defaults
from django.views.csrf import csrf_failure

from kit.http.bodies import Endless
from kit.http.problems import TooLarge
from office.frame import reader

OFFICE = "/admin/"


def forbidden(request: HttpRequest, exception: Any = None) -> HttpResponse:
    if not _is_office(request):
        return defaults.permission_denied(request, exception)
    says = _("Your role does not open this page. Whoever looks after the accounts knows why.")
    return _refused(request, 403, _("Not for your role"), says)


def missing(request: HttpRequest, exception: Any = None) -> HttpResponse:
    if not _is_office(request):
        return defaults.page_not_found(request, exception)
    says = _("There is nothing at this address: it may be mistyped, or have been removed.")
    return _refused(request, 404, _("No such page"), says)


def malformed(request: HttpRequest, exception: Any = None) -> HttpResponse:
    if _is_office(request):
        return _refused(request, *_why_unread(exception))
    with translation.override("en"):  # as Django's own pages for the others
        status, headline, says = _why_unread(exception)
    page = defaults.ERROR_PAGE_TEMPLATE % {"title": headline, "details": says}
    return HttpResponse(page, status=status)


def _why_unread(exception: Any) -> tuple[int, str, str]:
    match exception:
        case TooLarge() | RequestDataTooBig():
            most = {"most": settings.PAGE_BODY_MAX_BYTES >> 20}
            says = _("Nothing was done: a form and its file may have %(most)d MB at most.") % most
            return 413, _("Too large"), says
        case Endless():
            says = _("Nothing was done: a form has to say how long it is.")
            return 411, _("Without its length"), says
    return 400, _("Not understood"), _("This request cannot be read.")


def not_allowed(request: HttpRequest, refused: HttpResponseNotAllowed) -> HttpResponse:
    """An address that only a button leads to, opened by itself, or the other way round."""
    says = _("Nothing was done: this address is not opened by itself. Begin at the page before it.")
    answer = _refused(request, 405, _("Not opened by itself"), says)
    answer["Allow"] = refused["Allow"]
    return answer


def broken(request: HttpRequest) -> HttpResponse:
    """Whatever has failed may fail again: no user, no database, no session is asked for here."""
    if not _is_office(request):
        return defaults.server_error(request)
    says = _("We have failed at this, and the log knows why. Whether it was done, its page says.")
    told = {"headline": _("Something went wrong"), "says": says, **_number(request)}
    return HttpResponse(render_to_string("admin/broken.html", told), status=500)


def stale(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form without the token of its session (CSRF)."""
    if not _is_office(request):
        return csrf_failure(request, reason)
    says = _("Nothing was done: this form is from before your last log-in. Load its page again.")
    return _refused(request, 403, _("This form is too old"), says)


def _refused(request: HttpRequest, status: int, headline: str, says: str) -> HttpResponse:
    told = {"headline": headline, "title": headline, "says": says, **_number(request)}
    user = getattr(request, "user", None)
    if user is None or not admin.site.has_permission(request):
        html = render_to_string("admin/broken.html", told, request)
        return HttpResponse(html, status=status)
    with reader.reading(user):
        context = {**admin.site.each_context(request), **told}
        return HttpResponse(render_to_string("admin/refused.html", context, request), status=status)


def _is_office(request: HttpRequest) -> bool:
    return request.path_info.startswith(OFFICE) and settings.REDPACKET_SERVES != "app"


def _number(request: HttpRequest) -> dict[str, str]:
    return {"request_id": getattr(request, "request_id", "")}
