"""Lists as one of the staff likes to narrow them, kept under names of his own."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponseNotAllowed, HttpResponseRedirect, QueryDict
from django.utils.translation import gettext as _

from kit.plumbing import texts
from office.frame import queue
from office.frame.filters import allowed_parameters
from office.frame.staff import model_name
from office.models import SavedFilter

MOST = 20  # of one person, a list
SEARCH = "q"


class NameForm(forms.Form):
    name = forms.CharField(max_length=40, validators=[texts.validate_plain])


def query_of(model_admin: Any, request: HttpRequest) -> str:
    """What of an address narrows the list: its filters and its search, and no place in it."""
    kept = QueryDict(mutable=True)
    for name, values in request.GET.lists():
        if name in _parameters(model_admin, request) and any(values):
            kept.setlist(name, values)
    return kept.urlencode()


def shown(model_admin: Any, request: HttpRequest) -> dict[str, Any]:
    """For the list's page: what he has kept, and whether there is something to keep."""
    query = query_of(model_admin, request)
    mine = list(_mine(model_admin, request))
    for each in mine:
        # Without one of its filters the list would show more than its name says.
        each.still = {*QueryDict(each.query)} <= _parameters(model_admin, request)
    known = {each.query for each in mine}
    return {"saved": mine, "saved_query": query, "can_save": bool(query) and query not in known}


def view(model_admin: Any, request: HttpRequest, key: int | None = None) -> Any:
    """POST: keep the list of this address under a name, or forget one of one's own."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    query = query_of(model_admin, request)
    if key is None:
        _keep(model_admin, request, query)
    else:
        _mine(model_admin, request).filter(pk=key).delete()
    return HttpResponseRedirect(queue.list_url(model_admin, query))


def _keep(model_admin: Any, request: HttpRequest, query: str) -> None:
    """Once, under its last name."""
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


def _parameters(model_admin: Any, request: HttpRequest) -> set[str]:
    return {SEARCH, *allowed_parameters(model_admin.get_list_filter(request))}


def _mine(model_admin: Any, request: HttpRequest) -> Any:
    rows = SavedFilter.objects.filter(user=request.user, model=model_name(model_admin.model))
    return rows.order_by("name")
