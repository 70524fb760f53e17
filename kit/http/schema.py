"""The OpenAPI schema: what each endpoint says of itself (describe.py), and what all share."""

import hashlib
import re
from collections.abc import Iterator
from functools import lru_cache

from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.views.decorators.http import condition, require_safe
from drf_spectacular.extensions import (
    OpenApiAuthenticationExtension,
    OpenApiSerializerExtension,
    OpenApiSerializerFieldExtension,
)
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse

from kit import ids, money
from kit.http import middleware, problems
from kit.http.api import UserViewSet
from kit.http.describe import Operation, ProblemSerializer
from kit.http.idempotency import KEY_PATTERN
from kit.plumbing import forks
from kit.refusals import Forbidden, Invalid, NotFound, Problem, Throttled, Unavailable

EXAMPLE_REQUEST_ID = "01jd8x2v5k"
_OUTSIDE_ID = {"type": "string", "pattern": ids.OUTSIDE_ID_PATTERN}
PATH_IDS = {
    "id": {"type": "string", "pattern": ids.PACKET_ID_PATTERN},
    "order_no": {"type": "string", "pattern": ids.ORDER_NO_PATTERN},
    "group_id": _OUTSIDE_ID,
    "user_id": _OUTSIDE_ID,
}
RATE_LIMIT = {
    "RateLimit-Policy": "How many requests (`q`) in how many seconds (`w`), by kind.",
    "RateLimit": "How many are left (`r`), and on a 429 seconds until there is one more (`t`).",
}
FIELD_ERRORS = {"number": ["1 to 100 shares."]}


class Schema(AutoSchema):
    """Renders a view's `Operation`; a method without one is an error of the schema."""

    @property
    def said(self) -> Operation:
        method = getattr(self.view, self.view.action)
        try:
            return method.operation
        except AttributeError:
            raise TypeError(f"{method.__qualname__} has no @operation (describe.py)") from None

    def get_operation_id(self):
        return self.said.id

    def get_summary(self):
        return self.said.summary

    def get_description(self):
        return ""

    def get_request_serializer(self):
        return self.said.body

    def get_response_serializers(self):
        said = self.said
        examples = [
            OpenApiExample(name, value, status_codes=[str(said.status)], response_only=True)
            for name, value in said.examples.items()
        ]
        answers = {
            said.status: OpenApiResponse(said.answer, description=said.summary, examples=examples)
        }
        by_status: dict[int, list[type[Problem]]] = {}
        for problem in self._refusals():
            by_status.setdefault(problem.status, []).append(problem)
        for status, refused in sorted(by_status.items()):
            answers[status, problems.CONTENT_TYPE] = OpenApiResponse(
                ProblemSerializer,
                description=", ".join(f"`{problem.code}`" for problem in refused),
                examples=[_example(problem) for problem in refused],
            )
        return answers

    def get_examples(self):
        return [
            OpenApiExample(name, value, request_only=True)
            for name, value in self.said.bodies.items()
        ]

    def get_override_parameters(self):
        said, header = self.said, OpenApiParameter.HEADER
        statuses = [said.status, *(problem.status for problem in self._refusals())]
        limited = [429, *([said.status] if getattr(self.view, "tells_limit", False) else [])]
        names = re.findall(r"{(\w+)}", self.path)
        return [
            *(OpenApiParameter(name, PATH_IDS[name], OpenApiParameter.PATH) for name in names),
            *said.query,
            *(_idempotency(said) if said.is_keyed else ()),
            OpenApiParameter(
                "X-Request-ID",
                str,
                header,
                description=f"Yours, where it is {middleware.REQUEST_ID_PATTERN}; else made.",
            ),
            OpenApiParameter("X-Request-ID", str, header, required=True, response=statuses),
            OpenApiParameter(
                "Retry-After",
                {"type": "integer", "minimum": 1},
                header,
                required=True,
                response=[429, 503],
                description="Seconds to wait.",
            ),
            *(
                OpenApiParameter(name, str, header, response=limited, description=words)
                for name, words in RATE_LIMIT.items()
            ),
            OpenApiParameter("WWW-Authenticate", str, header, required=True, response=[401]),
        ]

    def _refusals(self) -> Iterator[type[Problem]]:
        """What the endpoint names, and what follows from its kind."""
        said = self.said
        yield from (problems.Malformed, problems.Unauthenticated, Forbidden)
        yield from said.refuses
        if (said.body or said.query) and Invalid not in said.refuses:
            yield Invalid
        if said.body:
            yield problems.UnsupportedMediaType
        if said.is_keyed:
            yield from (problems.KeyMissing, problems.InFlight, problems.KeyReused)
        if said.is_negotiated:
            yield problems.NotAcceptable
        if isinstance(self.view, UserViewSet):
            yield Throttled
            if "{" in self.path and NotFound not in said.refuses:
                yield NotFound
        yield from (problems.TooLarge, Unavailable)

    def _is_list_view(self, serializer=None):
        return False  # every answer is an object: a page has its cursor beside it


class Generator(SchemaGenerator):
    """One text for everybody, made once: its language does not depend on who asks."""

    def get_schema(self, request=None, public=False):
        return made()


_making = forks.lock()  # the generator loads its extensions once, and not for two at a time


@lru_cache(maxsize=1)
def made() -> dict:
    with _making, translation.override("en"):
        return SchemaGenerator().get_schema(request=None, public=True)


@lru_cache(maxsize=2)
def written(is_json: bool) -> tuple[bytes, str]:
    """The document and its ETag; a web process writes both forms before its first request."""
    document = (OpenApiJsonRenderer if is_json else OpenApiYamlRenderer)().render(made())
    return document, f'"{hashlib.sha256(document).hexdigest()[:32]}"'


def _wants_json(request: HttpRequest) -> bool:
    return "json" in request.headers.get("Accept", "")


@require_safe
@condition(etag_func=lambda request: written(_wants_json(request))[1])
def serve(request: HttpRequest) -> HttpResponse:
    """GET /api/schema: bytes that were there before; whatever stands behind `?` changes nothing."""
    is_json = _wants_json(request)
    media_type = "application/json" if is_json else OpenApiYamlRenderer.media_type
    response = HttpResponse(written(is_json)[0], content_type=media_type)
    response["Vary"] = "Accept"
    return response


def _idempotency(said: Operation) -> Iterator[OpenApiParameter]:
    yield OpenApiParameter(
        "Idempotency-Key",
        {"type": "string", "pattern": f"^{KEY_PATTERN}$", "minLength": 1, "maxLength": 64},
        OpenApiParameter.HEADER,
        required=True,
        description="Same key, same request: the first answer again, and nothing moves twice.",
    )
    yield OpenApiParameter(
        "Idempotent-Replayed",
        {"type": "string", "enum": ["true"]},
        OpenApiParameter.HEADER,
        response=[said.status],
        description="Present when this is an earlier answer, given again.",
    )


def _example(problem: type[Problem]) -> OpenApiExample:
    errors = FIELD_ERRORS if problem is Invalid else None
    value = problems.body(problem(errors=errors) if errors else problem(), EXAMPLE_REQUEST_ID)
    return OpenApiExample(
        problem.code, value, status_codes=[str(problem.status)], response_only=True
    )


class YuanExtension(OpenApiSerializerFieldExtension):
    """Money: a string with two places. What is asked for is bounded, what is told is not."""

    target_class = "kit.http.api.YuanField"

    def map_serializer_field(self, auto_schema, direction):
        pattern = money.YUAN_PATTERN if direction == "request" else money.YUAN_TOLD_PATTERN
        return {"type": "string", "pattern": pattern, "examples": ["12.34"]}


class StrictExtension(OpenApiSerializerExtension):
    target_class = "kit.http.api.StrictSerializer"
    match_subclasses = True

    def map_serializer(self, auto_schema, direction):
        mapped = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        return mapped | {
            "description": "Other fields are refused.",
            "additionalProperties": False,
        }


class _Bearer(OpenApiAuthenticationExtension):
    about: dict[str, str]

    def get_security_definition(self, auto_schema):
        return {"type": "http", "scheme": "bearer", **self.about}


class UserScheme(_Bearer):
    target_class, name = "kit.http.caller.UserAuthentication", "user"
    about = {
        "bearerFormat": "JWT",
        "description": "The chat platform's token of a user: `sub` and `exp`.",
    }


class ServiceScheme(_Bearer):
    target_class, name = "kit.http.caller.ServiceAuthentication", "service"
    about = {"description": "The chat server's own key, for groups and profiles, events, or both."}
