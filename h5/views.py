"""The shell: the same for everybody, whether what is asked for exists or not.

Its headers are set here, on whichever answer it becomes: a 304 that had the site's own would put
them on the page that the browser has kept.
"""

from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.cache import get_conditional_response
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from h5 import files
from payments.channels import registry

# What the first screen needs besides; others load when they are gone to.
ALWAYS = ("api", "bridge", "dom", "texts")


@require_safe
def shell(request: HttpRequest, screen: str, **_ids: str) -> HttpResponse:
    scripts = (*ALWAYS, screen)
    body = render_to_string(
        "h5/shell.html",
        {
            "origins": " ".join(_hosts(request)),
            "avatars": " ".join(settings.REDPACKET_AVATAR_ORIGINS),
            "gateways": " ".join(_gateways()),
            "style": files.url("h5.css"),
            "main": files.url("main.js"),
            "old": files.url("old.js"),
            "scripts": [files.url(f"{name}.js") for name in scripts],
        },
    ).encode()
    etag = f'"{sha256(body).hexdigest()[:32]}"'
    fresh = HttpResponse(body, headers={"ETag": etag})
    return _dressed(get_conditional_response(request, etag, response=fresh) or fresh)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def back(request: HttpRequest, order_no: str) -> HttpResponse:
    """Where a channel sends the payer back to. UnionPay posts a form: what it says is hearsay."""
    if request.method == "POST":
        return _dressed(HttpResponse(status=303, headers={"Location": request.path}))
    return shell(request, screen="order", order_no=order_no)


def _dressed(response: HttpResponse) -> HttpResponse:
    avatars = settings.REDPACKET_AVATAR_ORIGINS
    ancestors = [*([] if settings.PRODUCTION else ["'self'"]), *settings.REDPACKET_H5_ORIGINS]
    policy = {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:", *avatars],
        "connect-src": ["'self'"],
        "form-action": ["'self'", *_gateways()],
        "frame-ancestors": ancestors or ["'none'"],
        "base-uri": ["'none'"],
        "require-trusted-types-for": ["'script'"],
        "trusted-types": ["'none'"],
    }
    for name, value in {
        "Cache-Control": "no-cache",
        "Content-Security-Policy": "; ".join(" ".join([name, *policy[name]]) for name in policy),
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }.items():
        response[name] = value
    response.xframe_options_exempt = True
    return response


def _hosts(request: HttpRequest) -> list[str]:
    """Who may speak to a framed page; in development whoever is of our own origin, too."""
    own = [] if settings.PRODUCTION else [f"{request.scheme}://{request.get_host()}"]
    return [*own, *settings.REDPACKET_H5_ORIGINS]


def _gateways() -> list[str]:
    """Origins that a payer may be sent to with a form."""
    offered: list[Any] = [registry.channel(pay_type) for pay_type in registry.offered()]
    known = (urlsplit(channel.settings.gateway) for channel in offered)
    return sorted({f"{gateway.scheme}://{gateway.netloc}" for gateway in known})
