"""The door before Django, for the grab alone (docs/decisions/0032-a-door-before-django.md).

Most of a crowd leaves with nothing, and what Django does around a view costs more than to say so.
Here take.lua is asked once; what Redis alone decides is answered, all else goes on to Django with
what the script said. Every rule is a function that the door behind (api/views.py) calls, too.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any

import structlog
from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.urls import resolve
from django.utils import timezone

from kit import ids
from kit.http import bodies, middleware, problems
from kit.http.caller import user_of
from kit.plumbing import metrics, redis
from kit.refusals import Problem
from packets import grab
from packets.api import views
from packets.states import Outcome
from packets.tickets import queue

log = structlog.get_logger(__name__)

Environ = dict[str, Any]
HEAD, TAIL = f"{middleware.API}packets/", "/grab"
ENDS = {end: views.grab_json(grab.Grab(end)) for end in (Outcome.TOO_SLOW, Outcome.EXPIRED)}


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
        environ[middleware.BEGAN] = began
        request_id = middleware.request_id(environ)
        caller = None
        asked: Outcome | Problem | grab.Asked | None
        try:
            caller = user_of(environ.get("HTTP_AUTHORIZATION", ""))
            asked = grab.ask(public_id=public_id, caller=caller, now=timezone.now())
        except Problem as problem:
            asked = problem
        except Exception:
            log.exception("front_failed")  # Django answers, or fails as clients know it
            asked = None
        match asked:
            case Outcome():
                code, status, phrase, body = asked.value, 200, "OK", ENDS[asked]
                headers = [("Content-Type", "application/json")]
            case Problem():
                told = _told(environ, asked, request_id)
                code, status, phrase, body = (
                    asked.code,
                    asked.status,
                    told.reason_phrase,
                    told.content,
                )
                headers = list(told.items())
            case _:
                environ[views.ASKED] = asked
                return self.django(environ, start_response)
        headers += [("Content-Length", str(len(body))), *self.headers, ("X-Request-ID", request_id)]
        metrics.grab_done(code)
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
        and redis.is_configured()
        and _is_small(environ)
    )
    return public_id if is_ours else None


def _is_small(environ: Environ) -> bool:
    try:
        return bodies.measure(environ, settings.BODY_MAX_BYTES) <= settings.BODY_MAX_BYTES
    except bodies.Endless:
        return False


def _told(environ: Environ, problem: Problem, request_id: str) -> Any:
    request: Any = WSGIRequest(environ)  # its language is asked for in headers and cookies
    request.request_id = request_id
    return problems.render(request, problem)
