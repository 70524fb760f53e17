"""The front page, for whoever comes without a path; and what browsers and robots ask for unasked.

In production it tells nothing of what runs here.
"""

from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from h5 import files
from kit.http import health

ICON = (Path(__file__).parent / "favicon.ico").read_bytes()
A_DAY = "public, max-age=86400"


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    page: dict[str, object] = {"style": files.url("welcome.css")}
    if settings.PRODUCTION:
        body = render_to_string("h5/home_production.html", page)
        return HttpResponse(body, headers={"X-Robots-Tag": "noindex"})
    page["is_ready"] = health.ready(request).status_code == 200
    return HttpResponse(
        render_to_string("h5/home.html", page), headers={"Cache-Control": "no-cache"}
    )


@require_safe
def icon(request: HttpRequest) -> HttpResponse:
    return HttpResponse(ICON, "image/x-icon", headers={"Cache-Control": A_DAY})


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    body = "User-agent: *\nDisallow: /\n"
    return HttpResponse(body, "text/plain", headers={"Cache-Control": A_DAY})
