"""Queues that flow: an act leads on to the next row that waits, and the list's filters and place
stay with whoever works through it (actions.py: the buttons in each row)."""

from copy import copy
from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, QueryDict
from django.utils.http import urlencode

from office.frame import dossier

KEPT = "_changelist_filters"  # Django's name: its lists hand it to the links of their rows


def kept(request: HttpRequest) -> str | None:
    """The filters and the place of the list that somebody came from; None: from no list."""
    given = request.GET.get(KEPT)
    return None if given is None else QueryDict(given).urlencode()


def keeping(url: str, kept: str | None) -> str:
    """An address that hands them on."""
    if kept is None:
        return url
    return f"{url}{'&' if '?' in url else '?'}{urlencode({KEPT: kept})}"


def list_url(model_admin: Any, kept: str | None) -> str:
    url = dossier.list_of(model_admin.model)
    return f"{url}?{kept}" if kept else url


def neighbours(
    model_admin: Any, request: HttpRequest, row: Any, kept: str | None
) -> tuple[Any, Any]:
    """The rows before and behind this one, of those that wait on the page of the list that somebody
    came from; behind the last of them comes the first. (None, None): nothing more waits there."""
    if kept is None or not model_admin.row_acts:
        return None, None
    asked = copy(request)
    asked.GET = QueryDict(kept)  # type: ignore[assignment]
    try:
        listed = model_admin.get_changelist_instance(asked)
    except (IncorrectLookupParameters, SuspiciousOperation):
        return None, None
    waiting = [each for each in listed.result_list if each.todo and each.pk != row.pk]
    if not waiting:
        return None, None
    here = _order(listed, row)
    is_descending = bool(listed.ranged) or listed.is_descending
    behind = [w for w in waiting if (_order(listed, w) < here) == is_descending]
    before = [w for w in waiting if w not in behind]
    return (before or waiting)[-1], (behind or waiting)[0]


def _order(listed: Any, row: Any) -> tuple:
    return (getattr(row, listed.ranged), row.pk) if listed.ranged else (row.pk,)
