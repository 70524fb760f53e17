"""Acting on a row: a page of its own shows what will happen, asks for a reason, calls the verb (how
to add one: docs/back-office.md)."""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import structlog
from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponseNotAllowed, HttpResponseRedirect
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from kit import clock, credentials
from kit.http import address
from kit.marks import labelled, sentences
from kit.money import ZERO
from kit.refusals import Problem
from office.frame import dossier, once, queue, staff
from office.frame.reason import ReasonField

log = structlog.get_logger(__name__)

BULK_MAX = 100  # rows at once: they fit on a page that somebody reads


class ReasonAction:
    """One thing that staff may do to a row, through the verb that everybody else calls.

    A subclass says `name`, `title`, `permission`, and answers four questions about a row.
    """

    name = ""
    title: Any = ""
    permission = ""  # "packets.freeze_packet"
    is_bulk = False  # offered on the list as well
    is_approval = False  # of what another one has begun: not by who has new credentials
    is_grave = False  # takes something away from somebody: a red button
    needs_reason = True
    key = ""  # the key that presses its button (static/hongbao/keys.js)
    reason_label: Any = _("Reason")
    known_by = ""  # the name that its verbs give to the row's key: a column, where not the row's pk
    verbs: Any  # the module that they are in

    def allows(self, user, obj) -> bool:
        """Whether this person may do it to this row, besides the permission."""
        return True

    def refusal(self, obj, now: datetime) -> str:
        """Why it cannot be done (now); empty when it can."""
        return ""

    def preview(self, obj, now: datetime) -> Sequence[str]:
        """What will happen, in sentences, before it does."""
        raise NotImplementedError

    def together(self, rows: Sequence[Any]) -> Sequence[str]:
        """What happens to all of these: no sum of previews, where they share a wallet."""
        money = sum((getattr(row, "amount", ZERO) for row in rows), ZERO)
        given = {"count": len(rows), "money": f"{money:,.2f}"}
        return [_("%(count)d of them, %(money)s yuan together.") % given] if money else []

    def facts(self, obj) -> tuple:
        """What the preview rests on: when one of these has changed, the page is shown again."""
        raise NotImplementedError

    def row(self, obj) -> dict[str, Any]:
        """The row, as its verbs want to be told."""
        return {self.known_by: getattr(obj, self.known_by, obj.pk)}

    def run(self, obj, *, reason: str, now: datetime, also: staff.Note) -> Any:
        """Call the verb with `also=also`; False when there was nothing left to do."""
        raise NotImplementedError

    def shows(self, obj, result: Any) -> Sequence[tuple[Any, str]]:
        """What is shown once, on the next page alone, to the person who did it."""
        return ()

    def told(self, obj, result: Any) -> Any:
        """What came of it, for the person who did it; empty: it is done, and that is all."""
        return ""


class RemarkAction(ReasonAction):
    """What needs no reason; who wants to may say something."""

    needs_reason = False
    reason_label = _("Remark")


def refusal(action: ReasonAction, user, obj, now: datetime) -> str:
    """Why it cannot be done by this person now; empty when it can."""
    if not action.allows(user, obj):
        return _("Another person has to decide about this one.")
    return action.refusal(obj, now) or held(action, user, now)


def held(action: ReasonAction, user, now: datetime) -> str:
    until = credentials.rests_until(user.pk, now) if action.is_approval else None
    return credentials.told(until) if until else ""


# name -> title: the timeline's words for what staff did. Filled by the admins that use them.
titles: dict[str, Any] = {}


class ReasonForm(forms.Form):
    reason = ReasonField()

    def __init__(self, action: ReasonAction, *args):
        super().__init__(*args)
        self.fields["reason"].required = action.needs_reason


def view(model_admin, request, name: str):
    """The page of one action for one row or several: GET shows, POST acts."""
    action = next((a for a in model_admin.acts if a.name == name), None)
    if action is None:
        raise Http404
    if not staff.may(request.user, action.permission):
        raise PermissionDenied
    if request.method not in ("GET", "POST"):
        return HttpResponseNotAllowed(["GET", "POST"])
    rows = _rows(model_admin, request, action)
    if not any(action.allows(request.user, row) for row in rows):
        raise PermissionDenied
    now = clock.now()
    if request.method == "GET":
        return _ask(model_admin, request, action, rows, ReasonForm(action), now)
    form = ReasonForm(action, request.POST)
    seen = set(request.POST.getlist("seen"))
    doable = [row for row in rows if not refusal(action, request.user, row, now)]
    if not doable:
        messages.info(request, refusal(action, request.user, rows[0], now))
        return HttpResponseRedirect(_back(model_admin, request, rows))
    if any(_seen(action, row) not in seen for row in doable):
        messages.warning(request, _("Something has changed in the meantime. Please look again."))
        return _ask(model_admin, request, action, rows, form, now)
    if not form.is_valid():
        return _ask(model_admin, request, action, rows, form, now)
    shown: list[tuple[Any, str]] = []
    reason = form.cleaned_data["reason"]
    done = [row for row in doable if _run(request, action, row, reason, now, shown)]
    if done:
        counted = ngettext("%(title)s: done.", "%(title)s: done for %(number)d.", len(done))
        messages.success(request, counted % {"title": action.title, "number": len(done)})
    back = _back(model_admin, request, rows)
    if shown:
        return once.page(model_admin, request, action.title, shown, back)
    return HttpResponseRedirect(_onward(model_admin, request, rows) if done else back)


def on_list(action: ReasonAction):
    """The action as an entry of a list's menu: it only leads to its page."""

    def choose(model_admin, request, queryset):
        chosen = request.POST.getlist(ACTION_CHECKBOX_NAME)[:BULK_MAX]
        rows = queryset.filter(pk__in=chosen)
        if not any(action.allows(request.user, row) for row in rows):
            messages.info(request, _("Another person has to decide about this one."))
            return None
        query = urlencode([("pk", pk) for pk in chosen])
        url = f"{url_of(model_admin, action)}?{query}"
        return HttpResponseRedirect(queue.keeping(url, request.GET.urlencode()))

    choose.__name__ = action.name
    return choose, action.name, action.title


def url_of(model_admin, action: ReasonAction) -> str:
    return f"{dossier.list_of(model_admin.model)}do/{action.name}/"


def warnings(model_admin, request, obj, now: datetime) -> list[str]:
    """Why this person may not approve now what is there to be approved."""
    return [
        why
        for action in model_admin.acts
        if action.is_approval and staff.may(request.user, action.permission)
        if action.allows(request.user, obj) and not action.refusal(obj, now)
        if (why := held(action, request.user, now))
    ][:1]


def buttons(model_admin, user, acts, rows, place: str | None) -> Iterator[list[dict]]:
    """Of each row, those of the actions that this person may take on it now."""
    now = clock.now()
    his = [act for act in acts if staff.may(user, act.permission) and not held(act, user, now)]
    for row in rows:
        query = urlencode({"pk": row.pk})
        yield [
            {
                "title": act.title,
                "is_grave": act.is_grave,
                "key": act.key,
                "url": queue.keeping(f"{url_of(model_admin, act)}?{query}", place),
            }
            for act in his
            if act.allows(user, row) and not act.refusal(row, now)
        ]


def _rows(model_admin, request, action) -> list:
    asked = (request.POST if request.method == "POST" else request.GET).getlist("pk")
    asked = list(dict.fromkeys(asked))[: BULK_MAX if action.is_bulk else 1]
    rows = [model_admin.get_object(request, pk) for pk in asked]
    if not rows or None in rows:
        raise Http404
    return rows


def _ask(model_admin, request, action, rows, form, now):
    items = [
        {
            "row": row,
            "url": dossier.page_of(row),
            "refusal": (why := refusal(action, request.user, row, now)),
            "preview": [] if why else action.preview(row, now),
            "seen": _seen(action, row),
        }
        for row in rows
    ]
    acting = [item["row"] for item in items if not item["refusal"]]
    return model_admin.render(
        request,
        "act",
        action.title,
        action=action,
        items=items,
        can_act=bool(acting),
        form=form,
        back=_back(model_admin, request, rows),
        together=action.together(acting) if len(acting) > 1 else (),
        list_url=queue.list_url(model_admin, queue.kept(request)),
    )


def _seen(action, row) -> str:
    """A fingerprint of what the preview rests on; guards nobody's rights, so it needs no secret."""
    told = repr((action.name, str(row.pk), action.facts(row)))
    return hashlib.sha256(told.encode()).hexdigest()[:32]


def _run(request, action, row, reason: str, now: datetime, shown: list) -> bool:
    note = staff.Note(
        user=request.user, action=action.name, obj=row, reason=reason, ip=address.of(request)
    )
    try:
        result = action.run(row, reason=reason, now=now, also=note)
    except Problem as problem:
        messages.error(request, labelled(row, told_by(problem)))
        return False
    if result is False:
        messages.info(request, _("%(row)s: there was nothing left to do.") % {"row": row})
        return False
    if told := action.told(row, result):
        messages.info(request, told)
    shown += action.shows(row, result)
    return True


def told_by(problem: Problem) -> str:
    """A refusal in words: those about single fields when it names some."""
    errors = [str(text) for texts in (problem.errors or {}).values() for text in texts]
    return sentences(errors) or str(problem.detail)


def _back(model_admin, request, rows) -> str:
    place = queue.kept(request)
    if len(rows) == 1:
        return queue.keeping(dossier.page_of(rows[0]), place)
    return queue.list_url(model_admin, place)


def _onward(model_admin, request, rows) -> str:
    """Who works through a list comes to the next row that waits, else back to the list."""
    place = queue.kept(request)
    if len(rows) > 1 or place is None or not model_admin.row_acts:
        return _back(model_admin, request, rows)
    _before, following = queue.neighbours(model_admin, request, rows[0], place)
    if following is None:
        messages.info(request, _("Nothing more waits here."))
        return queue.list_url(model_admin, place)
    return queue.keeping(dossier.page_of(following), place)
