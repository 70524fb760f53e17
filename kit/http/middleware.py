"""The gate that every request passes, and the policy of our pages."""

import re
import time
from collections.abc import Callable
from typing import Any, cast

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.urls import get_resolver

from kit import outside
from kit.http import bodies, problems
from kit.plumbing import logs, tally
from kit.refusals import NotFound, Unavailable

API = "/api/v1/"
HOSTS_MAX = 100  # spellings that are remembered: a wild card lets strangers make them up
hosts: set[str] = set()  # ours, as requests spelt them: a host is looked at once
BEGAN = "hongbao.began"  # when the request came, where a door before Django has looked at it
REQUEST_ID_PATTERN = r"[A-Za-z0-9._-]{1,64}"
_REQUEST_ID = re.compile(REQUEST_ID_PATTERN)


class Gateway:
    """Request id, size limit, one log line and one metric a request; API failures never are HTML.

    A request to the API goes straight to its view: Django's usual middlewares, needed by the pages,
    would cost a grab 100-130 microseconds and give it nothing.
    """

    def __init__(self, get_response: Any):
        self.pages = self.api = get_response
        self.api_headers = api_headers()
        # Each wrapped middleware holds the next one; the last holds the view.
        while hasattr(getattr(self.api, "__wrapped__", None), "get_response"):
            self.api = self.api.__wrapped__.get_response

    def __call__(self, request: logs.Logged) -> HttpResponse:
        began = request.META.get(BEGAN) or time.perf_counter()
        request.request_id = request_id(request.META)
        with outside.RequestUnderWay():
            response = self._answer(request)
        response["X-Request-ID"] = request.request_id
        match, caller = request.resolver_match, getattr(request, "caller", None)
        done(
            began,
            match.route if match else "unknown",
            response.status_code,
            is_refused_grab=getattr(request, "is_refused_grab", False),
            method=request.method,
            path=request.path_info,
            request_id=request.request_id,
            caller=caller and caller.user_id,
            code=getattr(request, "code", None),
        )
        return response

    def _answer(self, request: logs.Logged) -> HttpResponse:
        if request.path_info.startswith(API):
            response = self._wrong_host(request) or self._too_large(request) or self.api(request)
            if response.status_code >= 400 and not hasattr(response, "is_the_channels"):
                response = self._as_problem(request, response)
            if response.status_code < 500:
                cast(
                    Any, response
                )._has_been_logged = True  # by its own line; Django would write another
            response["Content-Length"] = len(response.content)
            for name, value in self.api_headers:
                response[name] = value
        else:
            response = self.pages(request)
        return response

    def process_view(self, request: HttpRequest, *_given: object) -> HttpResponse | None:
        """A form that is too large or has no length, which no browser sends, before its token is
        looked for, which reads the whole body: the site's own handler says so, with all that the
        middlewares know."""
        if request.path_info.startswith(API):
            return None
        declared = request.META.get("CONTENT_LENGTH") or "0"
        why: Exception
        if "HTTP_TRANSFER_ENCODING" in request.META:
            why = bodies.Endless()
        elif declared.isdigit() and int(declared) > settings.PAGE_BODY_MAX_BYTES:
            why = problems.TooLarge()
        else:
            return None
        refuse: Any = get_resolver().resolve_error_handler(400)
        return refuse(request, exception=why)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if request.path_info.startswith(API):
            problem = problems.translate(error)
            return problems.render(request, problem) if problem else None
        return problems.busy_page(request, error) if isinstance(error, Unavailable) else None

    def _wrong_host(self, request: HttpRequest) -> HttpResponse | None:
        """A Host that is not ours (ALLOWED_HOSTS); the pages' middlewares look for themselves."""
        host = request.META.get("HTTP_HOST", "")
        if host in hosts:
            return None
        try:
            request.get_host()
        except DisallowedHost:
            return problems.render(request, problems.Malformed())
        if len(hosts) < HOSTS_MAX:
            hosts.add(host)
        return None

    @staticmethod
    def _too_large(request: HttpRequest) -> HttpResponse | None:
        service = request.path_info.startswith(f"{API}service/")
        limit = settings.SERVICE_BODY_MAX_BYTES if service else settings.BODY_MAX_BYTES
        found = request.META["wsgi.input"]
        try:
            size = bodies.measure(request.META, limit)
        except bodies.Endless:
            return problems.render(request, problems.Malformed())
        if request.META["wsgi.input"] is not found:
            request._stream = request.META["wsgi.input"]  # Django made its own without a length
        return problems.render(request, problems.TooLarge()) if size > limit else None

    @staticmethod
    def _as_problem(request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Unknown routes and bugs answer in HTML by default; an API client gets a problem."""
        if response.headers.get("Content-Type", "").startswith(problems.CONTENT_TYPE):
            return response
        if response.status_code == 404:
            return problems.render(request, NotFound())
        if response.status_code == 400:
            return problems.render(request, problems.Malformed())
        if response.status_code >= 500:
            return problems.render(request, Unavailable())
        return response


def request_id(environ: dict) -> str:
    """The caller's, when it can be shown; a fresh one."""
    given = environ.get("HTTP_X_REQUEST_ID", "")
    return given if given and _REQUEST_ID.fullmatch(given) else logs.new_request_id()


def done(began: float, route: str, status: int, *, is_refused_grab: bool, **fields: object) -> None:
    """One metric and one line of the log."""
    took_s = time.perf_counter() - began
    tally.request_done(route, status, took_s)
    logs.request_done(took_s, is_refused_grab=is_refused_grab, status=status, **fields)


def api_headers() -> list[tuple[str, str]]:
    """What Django's middleware says of pages, and that nothing of a wallet is kept on the way."""
    headers = [("X-Content-Type-Options", "nosniff"), ("Cache-Control", "no-store")]
    if settings.SECURE_HSTS_SECONDS:
        age = f"max-age={settings.SECURE_HSTS_SECONDS}"
        headers.append(("Strict-Transport-Security", age))
    return headers


class ContentSecurityPolicy:
    """Nothing but our own files; pages carry no inline script or style."""

    POLICY = (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'self'; "
        "form-action 'self'; frame-ancestors 'none'"
    )

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", self.POLICY)
        return response


class OwnCookies:
    """Cookies of the areas that share an origin: each area's go to it alone, and to no script."""

    AREAS = ("/admin/", "/sandbox/")

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if cookies := request.META.get("HTTP_COOKIE"):
            request.META["HTTP_COOKIE"] = _nearest(cookies)
        response = self.get_response(request)
        area = next((area for area in self.AREAS if request.path_info.startswith(area)), "/")
        for cookie in response.cookies.values():
            cookie["path"], cookie["httponly"] = area, True
        return response


def _nearest(cookies: str) -> str:
    """The first of each name: a browser names the longest path first (RFC 6265, 5.4), and Django
    would take the last, which may be for the whole origin and from long ago."""
    first: dict[str, str] = {}
    for pair in cookies.split(";"):
        first.setdefault(pair.partition("=")[0].strip(), pair)
    return ";".join(first.values())
