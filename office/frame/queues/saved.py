"""Lists as one of the staff likes to narrow them, kept under names of his own."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseNotAllowed, HttpResponseRedirect, QueryDict
from django.utils.translation import gettext as _

from kit.plumbing import texts
from office.frame import dossier
from office.frame.lists import allowed_parameters
from office.frame.staff import model_name
from office.models import SavedFilter

MOST = 20  # of one person, a list
SEARCH = "q"


class NameForm(forms.Form):
    name = forms.CharField(max_length=40, validators=[texts.validate_plain])


def query_of(model_admin: Any, request: HttpRequest) -> str:
    """What of an address narrows the list: its filters and its search, and no place in it."""
    allowed = {SEARCH, *allowed_parameters(model_admin.get_list_filter(request))}
    kept = QueryDict(mutable=True)
    for name, values in request.GET.lists():
        if name in allowed and any(values):
            kept.setlist(name, values)
    return kept.urlencode()


def shown(model_admin: Any, request: HttpRequest) -> dict[str, Any]:
    """For the list's page: what he has kept, and whether there is something to keep."""
    query = query_of(model_admin, request)
    mine = list(_mine(model_admin, request))
    for each in mine:
        each.still = _fits(model_admin, request, each.query)
    known = {each.query for each in mine}
    return {"saved": mine, "saved_query": query, "can_save": bool(query) and query not in known}


def _fits(model_admin: Any, request: HttpRequest, query: str) -> bool:
    """Whether the list has all its filters still: without one it would show more than its name
    says."""
    return {*QueryDict(query)} <= {
        SEARCH,
        *allowed_parameters(model_admin.get_list_filter(request)),
    }


def keep(model_admin: Any, request: HttpRequest) -> Any:
    """POST: the list of this address under a name; kept once, under its last name."""
    query = _asked(model_admin, request)
    form = NameForm(request.POST)
    if not (form.is_valid() and query and len(query) <= 500):
        messages.error(request, _("A name of 1 to 40 characters, and filters that are in use."))
    elif _mine(model_admin, request).count() >= MOST:
        messages.error(request, _("You have kept as many as there can be: remove one first."))
    else:
        SavedFilter.objects.update_or_create(
            user=request.user,
            model=model_name(model_admin.model),
            query=query,
            defaults={"name": form.cleaned_data["name"]},
        )
    url = dossier.list_of(model_admin.model)
    return HttpResponseRedirect(f"{url}?{query}" if query else url)


def drop(model_admin: Any, request: HttpRequest, key: int) -> Any:
    """POST: forget one of one's own."""
    query = _asked(model_admin, request)
    _mine(model_admin, request).filter(pk=key).delete()
    url = dossier.list_of(model_admin.model)
    return HttpResponseRedirect(f"{url}?{query}" if query else url)


def view(model_admin: Any, request: HttpRequest, key: int | None = None) -> Any:
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    return keep(model_admin, request) if key is None else drop(model_admin, request, key)


def _asked(model_admin: Any, request: HttpRequest) -> str:
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    return query_of(model_admin, request)


def _mine(model_admin: Any, request: HttpRequest) -> Any:
    rows = SavedFilter.objects.filter(user=request.user, model=model_name(model_admin.model))
    return rows.order_by("name")
