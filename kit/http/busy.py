"""The page that says "busy, please try again" (503): costs nothing, so that many can be told so."""

from functools import cache
from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import get_language_from_request

from kit.refusals import Unavailable


def page(request: HttpRequest, problem: Unavailable) -> HttpResponse:
    """In the reader's language; written once for each."""
    language = get_language_from_request(request)
    response = HttpResponse(_written(language), status=problem.status)
    response["Content-Language"] = language
    response["Cache-Control"] = "no-store"
    for name, value in problem.headers.items():
        response[name] = value
    cast(Any, request).code = problem.code  # for the request's log line
    return response


@cache
def _written(language: str) -> bytes:
    with translation.override(language):
        return render_to_string("admin/busy.html").encode()
