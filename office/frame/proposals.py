"""Forms of the back office that make something new: filled in, looked at, and only then done.

Three steps on one address: the form; what will happen, in sentences; the verb. A token goes with
the form through all three and commits with what was made, so that one form makes one thing.
"""

import re
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.apps import apps
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.http import Http404, HttpResponseNotAllowed, HttpResponseRedirect
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from kit import clock
from kit.http import address
from kit.refusals import Problem
from office.frame import dossier, once, staff
from office.models import StaffAction

_TOKEN = re.compile(r"[0-9a-f]{32}")


class Proposal:
    """One thing that staff may ask for through a verb."""

    name = ""
    title: Any = ""
    permission = ""
    form: type[forms.Form] = forms.Form
    is_previewed = True  # a file cannot be shown and sent again

    def begin(self, given) -> dict:
        """What the form starts with, from the address that led here."""
        return {name: given[name] for name in self.form.base_fields if name in given}

    def notes(self) -> Sequence[Any]:
        """What stands above the form: limits, and who decides."""
        return ()

    def preview(self, data: dict, now: datetime) -> Sequence[Any]:
        """What will happen, in sentences; raises Problem for what cannot."""
        raise NotImplementedError

    def run(self, data: dict, *, user, now: datetime, request) -> Any:
        """Call the verb; the row that came of it, whose page is shown next."""
        raise NotImplementedError

    def shows(self, row) -> Sequence[tuple[Any, str]]:
        """What is shown once, on the next page alone, to the person who sent the form."""
        return ()

    def told(self, row) -> Any:
        return _("Done: %(title)s.") % {"title": self.title}


def url_of(model, proposal: Proposal, **given: Any) -> str:
    url = f"{dossier.list_of(model)}new/{proposal.name}/"
    return f"{url}?{urlencode(given)}" if given else url


def view(model_admin, request, name: str):
    proposal = next((p for p in model_admin.proposals if p.name == name), None)
    if proposal is None:
        raise Http404
    if not staff.may(request.user, proposal.permission):
        raise PermissionDenied
    if request.method == "GET":
        form = proposal.form(initial=proposal.begin(request.GET))
        return _show(model_admin, request, proposal, form)
    if request.method != "POST":
        return HttpResponseNotAllowed(["GET", "POST"])
    form = proposal.form(request.POST, request.FILES)
    if not form.is_valid():
        return _show(model_admin, request, proposal, form)
    if made := _made_by(request):
        return _again(request, made)
    now = clock.now()
    try:
        if proposal.is_previewed and "done" not in request.POST:
            preview = [] if "again" in request.POST else proposal.preview(form.cleaned_data, now)
            return _show(model_admin, request, proposal, form, preview)
        row = proposal.run(form.cleaned_data, user=request.user, now=now, request=request)
    except Problem as problem:
        _explain(form, problem)
        return _show(model_admin, request, proposal, form)
    except IntegrityError:
        if made := _made_by(request):
            return _again(request, made)
        raise
    messages.success(request, proposal.told(row))
    if shown := proposal.shows(row):
        return once.page(model_admin, request, proposal.title, shown, dossier.page_of(row))
    return HttpResponseRedirect(dossier.page_of(row))


class Made(staff.Note):
    """A note about the row that the verb makes: it is not there before."""

    def keep(self, result: Any) -> None:
        self.obj = result
        super().keep(result)


def making(user, request, action: str, reason: str) -> Made:
    """The `also` of a proposal's verb."""
    about: dict[str, Any] = {
        "reason": reason[:255],
        "ip": address.of(request),
        "once": sent_token(request),
    }
    return Made(user=user, action=action, obj=None, **about)


def sent_token(request) -> str | None:
    given = request.POST.get("once", "")
    return given if _TOKEN.fullmatch(given) else None


def _made_by(request) -> StaffAction | None:
    """What this very form has made already."""
    token = sent_token(request)
    return StaffAction.objects.filter(once=token).first() if token else None


def _again(request, made: StaffAction):
    messages.info(request, _("This form was sent before: it was done once, and this is it."))
    return HttpResponseRedirect(dossier.page_of(apps.get_model(made.model)(pk=made.key)))


def _explain(form: forms.Form, problem: Problem) -> None:
    """The verb's refusal beside the fields that it names."""
    errors = problem.errors or {}
    for field, texts in errors.items():
        for text in texts:
            form.add_error(field if field in form.fields else None, str(text))
    if not errors:
        form.add_error(None, str(problem.detail))


def _show(model_admin, request, proposal, form, preview=()):
    return model_admin.render(
        request,
        "propose",
        proposal.title,
        proposal=proposal,
        form=form,
        once=sent_token(request) or secrets.token_hex(16),
        preview=preview,
        can_list=model_admin.has_view_permission(request),
    )
