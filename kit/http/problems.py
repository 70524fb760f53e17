"""Problem (RFC 9457) and the one place that renders refusals, in the caller's language."""

from functools import cache
from typing import Any, TypeVar, cast

import structlog
from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import get_language_from_request
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions

from kit.plumbing.logs import Logged
from kit.refusals import Conflict, Forbidden, Invalid, NotFound, Problem, Unavailable

log = structlog.get_logger(__name__)

R = TypeVar("R", bound=HttpResponse)
CONTENT_TYPE = "application/problem+json"


class Malformed(Problem):
    code, title = "malformed", _("Malformed request")
    detail = _("The request cannot be read.")


class KeyMissing(Problem):
    code, title = "idempotency_key_missing", _("Idempotency-Key missing")
    detail = _("This request moves money: send an Idempotency-Key of 1 to 64 printable characters.")


class Unauthenticated(Problem):
    status, code, title = 401, "unauthenticated", _("Not authenticated")
    detail = _("A valid, unexpired bearer token is needed.")

    def __init__(self, detail: Any = None):
        super().__init__(detail, headers={"WWW-Authenticate": 'Bearer realm="hongbao"'})


class MethodNotAllowed(Problem):
    status, code, title = 405, "method_not_allowed", _("Method not allowed")
    detail = _("This method is not allowed here.")


class NotAcceptable(Problem):
    status, code, title = 406, "not_acceptable", _("Not acceptable")
    detail = _("Only JSON is served here.")


class TooLarge(Problem):
    status, code, title = 413, "too_large", _("Too large")
    detail = _("The request body is too large.")


class UnsupportedMediaType(Problem):
    status, code, title = 415, "unsupported_media_type", _("Unsupported media type")
    detail = _("Send JSON with Content-Type: application/json.")


class InFlight(Conflict):
    code = "idempotency_in_flight"
    detail = _("The first request with this Idempotency-Key is still running.")


class KeyReused(Problem):
    status, code, title = 422, "idempotency_key_reused", _("Idempotency-Key reused")
    detail = _("This Idempotency-Key was used for another request.")


def render(request: HttpRequest, problem: Problem) -> JsonResponse:
    """The problem as application/problem+json, in the language that the request asks for."""
    with translation.override(get_language_from_request(request)):
        told = body(problem, getattr(request, "request_id", ""))
    response = JsonResponse(
        told,
        status=problem.status,
        content_type=CONTENT_TYPE,
        json_dumps_params={"ensure_ascii": False},
    )
    return _said(request, response, problem)


def busy_page(request: HttpRequest, problem: Unavailable) -> HttpResponse:
    """The page "busy, please try again" (503) in the reader's language: it costs nothing, so that
    many can be told so."""
    language = get_language_from_request(request)
    response = HttpResponse(_written_busy(language), status=problem.status)
    response["Content-Language"] = language
    response["Cache-Control"] = "no-store"
    return _said(request, response, problem)


@cache
def _written_busy(language: str) -> bytes:
    with translation.override(language):
        return render_to_string("admin/busy.html").encode()


def _said(request: HttpRequest, response: R, problem: Problem) -> R:
    """With the problem's headers, and its code for the request's log line."""
    for name, value in problem.headers.items():
        response[name] = value
    cast("Logged", request).code = problem.code
    return response


def body(problem: Problem, request_id: str) -> dict[str, Any]:
    """What a client reads, in the language that is active."""
    told = {
        "type": f"{settings.REDPACKET_PUBLIC_URL}/api/problems/{problem.code}",
        "title": str(problem.title),
        "status": problem.status,
        "detail": str(problem.detail),
        "code": problem.code,
        "request_id": request_id,
    }
    if problem.errors:
        told["errors"] = {
            field: [str(message) for message in messages]
            for field, messages in problem.errors.items()
        }
    return told


def handler(error: Exception, context: dict) -> JsonResponse | None:
    """DRF's EXCEPTION_HANDLER."""
    problem = translate(error)
    return render(context["request"]._request, problem) if problem else None


def translate(error: Exception) -> Problem | None:
    """Whatever was raised, as a Problem; None for a bug, which stays a bug (500, logged)."""
    match error:
        case Problem():
            return error
        case exceptions.ValidationError():
            return Invalid(errors=_flat(error.detail))
        case exceptions.ParseError():
            return Malformed()
        case exceptions.NotAuthenticated() | exceptions.AuthenticationFailed():
            return Unauthenticated()
        case exceptions.MethodNotAllowed():
            return MethodNotAllowed()
        case exceptions.NotAcceptable():
            return NotAcceptable()
        case exceptions.UnsupportedMediaType():
            return UnsupportedMediaType()
        case PermissionDenied() | exceptions.PermissionDenied():
            return Forbidden()
        case RequestDataTooBig():
            return TooLarge()
        case Http404() | exceptions.NotFound():
            return NotFound()
        case OperationalError() | InterfaceError():
            # Database gone, lock wait over, three deadlocks in a row: nothing was committed.
            log.warning("database_unavailable", error=repr(error))
            return Unavailable()
    return None


def _flat(detail: Any) -> dict[str, list]:
    """DRF's nested error detail as {field: [messages]}, nested names joined with dots."""
    if not isinstance(detail, dict):
        detail = {"non_field_errors": detail}
    flat: dict[str, list] = {}
    for field, messages in detail.items():
        if isinstance(messages, dict):
            flat |= {f"{field}.{inner}": found for inner, found in _flat(messages).items()}
        else:
            flat[str(field)] = [
                message for message in messages if not isinstance(message, dict) or message
            ]
    return flat
