"""What an endpoint says about itself, once; the OpenAPI schema (kit/http/schema.py) reads it.

A view's method names its body, its answers with an example each, and what it refuses. What follows
from the kind of view (401, throttle, body limits, ...) is not said again: schema.py adds it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from kit.http import pages
from kit.refusals import Problem


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one route. Examples are JSON values by name."""

    id: str
    summary: str
    answer: type[serializers.Serializer] | None
    status: int = 200
    examples: Mapping[str, Any] = field(default_factory=dict)
    body: type[serializers.Serializer] | None = None
    bodies: Mapping[str, Any] = field(default_factory=dict)
    query: Sequence[OpenApiParameter] = ()
    refuses: Sequence[type[Problem]] = ()
    is_keyed: bool = False  # takes an Idempotency-Key
    is_negotiated: bool = True  # looks at Accept


def operation(
    id: str,
    summary: str,
    answer: type[serializers.Serializer] | None = None,
    **facts: Any,
) -> Callable:
    """Describe the view's method below it."""

    def describe(method: Any) -> Any:
        method.operation = Operation(id, summary, answer, **facts)
        return method

    return describe


def query(
    name: str, text: str, *, required: bool = False, type_: str = "string", **schema: Any
) -> OpenApiParameter:
    """A parameter of the query; `schema` in JSON Schema's words."""
    return OpenApiParameter(
        name, {"type": type_, **schema}, required=required, description=text, location="query"
    )


def pageable(*parameters: OpenApiParameter) -> tuple[OpenApiParameter, ...]:
    """A list's own parameters, and those that every list has."""
    return (
        *parameters,
        query("cursor", "`next` of the page before.", pattern=pages.CURSOR_PATTERN),
        limited(pages.LIMIT_DEFAULT, pages.LIMIT_MAX),
    )


def limited(default: int, most: int) -> OpenApiParameter:
    about = "How many at most."
    return query("limit", about, type_="integer", minimum=1, maximum=most, default=default)


class ProblemSerializer(serializers.Serializer):
    """A refusal (RFC 9457); `code` is stable, the texts are in the caller's language."""

    type = serializers.URLField()  # of a page that says what happened and what to do
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField()
    errors: Any = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()), required=False
    )
    request_id = serializers.CharField()


def object_of(properties: dict[str, Any], words: str) -> dict:
    """An object that has all of these."""
    return {
        "type": "object",
        "description": words,
        "properties": properties,
        "required": list(properties),
    }
