"""The gate that every request passes, and the policy of our pages."""

import re
import time

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpResponse

from redpacket_site.kit import bodies, logs, metrics, problems

API = "/api/v1/"
HOSTS_MAX = 100  # spellings that are remembered: a wild card lets strangers make them up
REQUEST_ID_PATTERN = r"[A-Za-z0-9._-]{1,64}"
_REQUEST_ID = re.compile(REQUEST_ID_PATTERN)


class Gateway:
    """Request id, size limit, one log line and one metric a request; API failures never are HTML.

    A request to the API goes straight to its view: Django's usual middlewares, needed by the pages,
    would cost a grab 100-130 microseconds and give it nothing.
    """

    def __init__(self, get_response):
        self.pages = self.api = get_response
        self.api_headers = _api_headers()
        self.hosts: set[str] = set()  # as requests spelt them: a host is looked at once
        # Each wrapped middleware holds the next one; the last holds the view.
        while hasattr(getattr(self.api, "__wrapped__", None), "get_response"):
            self.api = self.api.__wrapped__.get_response

    def __call__(self, request):
        began = time.perf_counter()
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        request.request_id = given if _REQUEST_ID.fullmatch(given) else logs.new_request_id()
        if request.path_info.startswith(API):
            response = self._wrong_host(request) or self._too_large(request) or self.api(request)
            if response.status_code >= 400 and not hasattr(response, "is_the_channels"):
                response = self._as_problem(request, response)
            response["Content-Length"] = len(response.content)
            for name, value in self.api_headers:
                response[name] = value
        else:
            response = self._page_too_large(request) or self.pages(request)
        response["X-Request-ID"] = request.request_id
        took_s = time.perf_counter() - began
        metrics.request_done(request, response, took_s)
        logs.request_done(request, response, took_s)
        return response

    def process_exception(self, request, error):
        if request.path_info.startswith(API):
            problem = problems.translate(error)
            return problem and problems.render(request, problem)
        return None

    def _wrong_host(self, request):
        """A Host that is not ours (ALLOWED_HOSTS); the pages' middlewares look for themselves."""
        host = request.META.get("HTTP_HOST", "")
        if host in self.hosts:
            return None
        try:
            request.get_host()
        except DisallowedHost:
            return problems.render(request, problems.Malformed())
        if len(self.hosts) < HOSTS_MAX:
            self.hosts.add(host)
        return None

    @staticmethod
    def _too_large(request):
        service = request.path_info.startswith(f"{API}service/")
        limit = settings.SERVICE_BODY_MAX_BYTES if service else settings.BODY_MAX_BYTES
        try:
            size = bodies.measure(request, limit)
        except bodies.Endless:
            return problems.render(request, problems.Malformed())
        return problems.render(request, problems.TooLarge()) if size > limit else None

    @staticmethod
    def _page_too_large(request):
        """Before the form's token is looked for, which reads the whole body."""
        if "HTTP_TRANSFER_ENCODING" in request.META:
            return HttpResponse(status=411)  # no browser sends a form without its length
        declared = request.META.get("CONTENT_LENGTH") or "0"
        if declared.isdigit() and int(declared) > settings.PAGE_BODY_MAX_BYTES:
            return HttpResponse(status=413)
        return None

    @staticmethod
    def _as_problem(request, response):
        """Unknown routes and bugs answer in HTML by default; an API client gets a problem."""
        if response.headers.get("Content-Type", "").startswith(problems.CONTENT_TYPE):
            return response
        if response.status_code == 404:
            return problems.render(request, problems.NotFound())
        if response.status_code == 400:
            return problems.render(request, problems.Malformed())
        if response.status_code >= 500:
            return problems.render(request, problems.Unavailable())
        return response


def _api_headers() -> list[tuple[str, str]]:
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

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", self.POLICY)
        return response
