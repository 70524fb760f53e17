"""A page that is shown once: secrets that are handed over and then known here as hashes alone."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest
from django.template.response import TemplateResponse

from office.frame import dossier


def page(
    model_admin: Any, request: HttpRequest, title: Any, shown: Sequence[tuple[Any, str]], back: str
) -> TemplateResponse:
    """The answer to the POST itself: no address leads here again, and nothing keeps it."""
    context = {
        **model_admin.admin_site.each_context(request),
        "title": title,
        "shown": shown,
        "back": back,
        "opts": model_admin.opts,
        "list_url": dossier.list_of(model_admin.model),
    }
    headers = {"Cache-Control": "no-store"}
    return TemplateResponse(request, "admin/hongbao/once.html", context, headers=headers)
