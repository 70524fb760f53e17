"""A page that is shown once: secrets that are handed over and then known here as hashes alone."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest
from django.template.response import TemplateResponse


def page(
    model_admin: Any, request: HttpRequest, title: Any, shown: Sequence[tuple[Any, str]], back: str
) -> TemplateResponse:
    """The answer to the POST itself: no address leads here again, and nothing keeps it."""
    answer = model_admin.render(request, "once", title, shown=shown, back=back)
    answer["Cache-Control"] = "no-store"
    return answer
