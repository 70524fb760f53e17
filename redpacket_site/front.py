"""The door before Django, for the grab alone (docs/decisions/0032-a-door-before-django.md).

What Django does around a view costs more than telling a crowd that it came too late, and a fifth of
what a winner costs. Every rule here is a function that the door behind (api/lean.py) calls,
too; whatever is odd goes on to Django.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any

import structlog
from django.core.handlers.wsgi import WSGIRequest
from django.db import close_old_connections
from django.urls import resolve
from django.utils.log import log_response

from kit import clock, ids, outside
from kit.http import bodies, middleware, problems
from kit.http.caller import user_of
from kit.plumbing import quick, tally
from kit.refusals import Problem
from packets import grab
from packets.api import lean
from packets.tickets import queue

log = structlog.get_logger(__name__)

Environ = dict[str, Any]
HEAD, TAIL = f"{middleware.API}packets/", "/grab"


class Front:
    """A WSGI application around Django's; it keeps nothing, so a forked child goes on with it."""

    def __init__(self, django: Callable):
        self.django = django
        self.route = resolve(f"{HEAD}-{TAIL}").route
        self.headers = middleware.api_headers()

    def __call__(self, environ: Environ, start_response: Callable) -> Iterable[bytes]:
        began = time.perf_counter()
        public_id = _grabbed(environ)
        if public_id is None:
            return self.django(environ, start_response)
        request_id = middleware.request_id(environ)
        caller = None
        try:
            caller = user_of(environ.get("HTTP_AUTHORIZATION", ""))
            with outside.RequestUnderWay():
                ended = grab.grab(public_id=public_id, caller=caller, now=clock.now())
        except Exception as error:
            if not isinstance(error, Problem):
                close_old_connections()  # as around Django's requests: what broke is not kept
            problem = problems.translate(error)
            if problem is None:
                log.exception("front_failed")  # Django answers, or fails as clients know it
                environ[middleware.BEGAN] = began
                return self.django(environ, start_response)
            told = _told(environ, problem, request_id)
            code, status, phrase = problem.code, problem.status, told.reason_phrase
            body, headers = told.content, list(told.items())
        else:
            code, status, phrase = ended.outcome.value, 200, "OK"
            body, headers = lean.grab_json(ended), [("Content-Type", "application/json")]
        headers += [("Content-Length", str(len(body))), *self.headers, ("X-Request-ID", request_id)]
        tally.grab_done(code)
        middleware.done(
            began,
            self.route,
            status,
            is_refused_grab=code in queue.REFUSED,
            method="POST",
            path=environ["PATH_INFO"],
            request_id=request_id,
            caller=caller and caller.user_id,
            code=code,
        )
        start_response(f"{status} {phrase}", headers)
        return [body]


def _grabbed(environ: Environ) -> str | None:
    """The packet's id in a request that may be answered here; whatever is odd is Django's."""
    path = environ.get("PATH_INFO", "")
    if not path.endswith(TAIL) or environ["REQUEST_METHOD"] != "POST":
        return None
    public_id = path[len(HEAD) : -len(TAIL)]
    is_ours = (
        path.startswith(HEAD)
        and ids.is_packet_id(public_id)
        and environ.get("HTTP_HOST", "") in middleware.hosts
        and _is_small(environ)
    )
    return public_id if is_ours else None


def _is_small(environ: Environ) -> bool:
    limit = quick.setting("BODY_MAX_BYTES")
    try:
        return bodies.measure(environ, limit) <= limit
    except bodies.Endless:
        return False


def _told(environ: Environ, problem: Problem, request_id: str) -> Any:
    request: Any = WSGIRequest(environ)  # its language is asked for in headers and cookies
    request.request_id = request_id
    told = problems.render(request, problem)
    if told.status_code >= 500:
        log_response("%s: %s", told.reason_phrase, request.path, response=told, request=request)
    return told
