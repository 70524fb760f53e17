"""What a verb says instead of doing it. How that looks on the wire: kit/http/problems.py."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _


class Problem(Exception):
    """A refusal with a stable `code`; verbs raise it, the doors render it."""

    status = 400
    code = "validation_error"
    title: Any = _("Bad request")
    detail: Any = _("The request cannot be carried out.")

    def __init__(
        self,
        detail: Any = None,
        *,
        errors: Mapping[str, list] | None = None,
        headers: Mapping[str, str] | None = None,
    ):
        self.detail = detail or self.detail
        self.errors = errors
        self.headers = dict(headers or {})
        super().__init__(self.code)


class Invalid(Problem):
    title = _("Invalid field")
    detail = _("Some fields are not valid.")


class Forbidden(Problem):
    status, code, title = 403, "forbidden", _("Forbidden")
    detail = _("This credential may not be used here.")


class NotFound(Problem):
    status, code, title = 404, "not_found", _("Not found")
    detail = _("There is nothing here for you.")


class Conflict(Problem):
    status, title = 409, _("Conflict")


class Throttled(Problem):
    status, code, title = 429, "throttled", _("Too many requests")
    detail = _("Too many requests; please slow down.")

    def __init__(self, wait_s: int = 1):
        super().__init__(headers={"Retry-After": str(max(1, wait_s))})


class TooManyOpen(Throttled):
    detail = _("Too many are unpaid: pay one, or wait until one closes.")


class Unavailable(Problem):
    status, code, title = 503, "unavailable", _("Unavailable")
    detail = _("The service is busy or part of it is down; please try again.")

    def __init__(self, detail: Any = None, *, wait_s: int = 1):
        super().__init__(detail, headers={"Retry-After": str(wait_s)})
