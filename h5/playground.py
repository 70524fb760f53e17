"""The two pages of /try/, in development only: a desk, and the phones on it (docs/embedding.md)."""

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from h5 import files

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; frame-src 'self'; frame-ancestors {}; form-action 'none'; "
    "base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)


@require_safe
def desk(request: HttpRequest) -> HttpResponse:
    return _page("desk", "main.js", framed_by="'none'", frames="DENY")


@require_safe
def phone(request: HttpRequest) -> HttpResponse:
    return _page("phone", "phone.js", framed_by="'self'", frames="SAMEORIGIN")


def _page(root: str, script: str, *, framed_by: str, frames: str) -> HttpResponse:
    styles = [files.url("h5.css"), files.url("try/try.css")]
    page = {"root": root, "script": files.url(f"try/{script}"), "styles": styles}
    return HttpResponse(
        render_to_string("h5/try.html", page),
        headers={
            "Cache-Control": "no-cache",
            "Content-Security-Policy": POLICY.format(framed_by),
            "Referrer-Policy": "no-referrer",
            "X-Frame-Options": frames,
        },
    )
