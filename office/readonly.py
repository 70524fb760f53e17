"""What the admin pages share: money and history can be read, never edited."""

from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any, cast

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpResponseNotAllowed
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.translation import gettext_lazy as _

from kit import clock, replica
from office.export import jobs as export
from office.export import rows as exported
from office.export.sheets import Column
from office.frame import actions, find, proposals, queue, staff
from office.frame.actions import ReasonAction
from office.frame.columns import listed
from office.frame.dossier import (
    Entry,
    Page,
    Section,
    in_order,
    list_of,
    page_of,
)
from office.frame.filters import allowed_parameters
from office.frame.lists import (
    EstimatedPaginator,
    KeysetChangeList,
    TotalsMixin,
)
from office.frame.proposals import Proposal
from office.frame.queues import saved
from office.frame.staff import acts_on
from office.models import StaffAction
from office.shown import names, reasons


class ReadOnlyAdmin(TotalsMixin, admin.ModelAdmin):
    """A list and a page: nobody adds, changes or deletes, superusers included. Lists never count a
    big table; `acts` are what staff may do here."""

    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = EstimatedPaginator
    list_per_page = 50
    list_max_show_all = 0
    sortable_by = ()
    ordering = ["-pk"]
    acts: Sequence[ReasonAction] = ()
    row_acts: Sequence[ReasonAction] = ()  # of these, those with a button in each row of the list
    export_hidden: Set[str] = frozenset()  # columns that leave the house in no file
    # columns that a file tells in other words: field -> what it says of a row
    export_told: Mapping[str, Callable[[Any], Any]] = {}
    proposals: Sequence[Proposal] = ()  # forms that make a new row through a verb
    # buttons to forms of other models: (model, proposal, row -> what it begins with, or None)
    offers: Sequence[tuple[Any, Proposal, Callable[[Any], dict | None]]] = ()
    # more pages: (route, (model_admin, request, ...) -> answer, the end of its name)
    more_pages: Sequence[tuple[str, Callable, str]] = ()
    sections: Sequence = ()  # what others say on the page: (request, row) -> Section or None

    def __init__(self, model, admin_site):
        super().__init__(model, admin_site)
        named: list[Any] = [*self.acts, *self.proposals]
        actions.titles.update({action.name: action.title for action in named})

    def has_add_permission(self, request, obj=None):
        return False

    has_change_permission = has_delete_permission = has_add_permission

    # --- the list

    def get_changelist(self, request, **kwargs):
        return KeysetChangeList

    def lookup_allowed(self, lookup, value, request=None):
        return lookup in allowed_parameters(self.get_list_filter(request))

    def get_search_results(self, request, queryset, search_term):
        """Exactly, and each column by its index: a LIKE over millions has none."""
        words = find.words(search_term)
        if not words:
            return (queryset.none() if search_term.strip() else queryset), False
        for word in words:
            hits = [(field, word) for field in self.search_fields if self._has(field, word)]
            if hits:
                return queryset.filter(Q(*hits, _connector=Q.OR)), False
        return queryset.none(), False

    def _has(self, field: str, word: str) -> bool:
        try:
            return self.model._default_manager.filter(**{field: word}).exists()
        except ValueError:  # a word where the column holds numbers
            return False

    def prepare(self, rows: list) -> None:
        """Give the rows of one page what their columns need, in one query rather than in fifty."""

    def give_buttons(self, request, rows: list) -> None:
        """Give each row `todo`: what this person may do to it now."""
        place = request.GET.urlencode()
        todo = actions.buttons(self, request.user, self.row_acts, rows, place)
        for row, buttons in zip(rows, todo, strict=True):
            row.todo = buttons

    def get_list_display(self, request):
        columns = [
            listed(self.model, name, is_first=not at) for at, name in enumerate(self.list_display)
        ]
        may_act = any(staff.may(request.user, action.permission) for action in self.row_acts)
        return [*columns, "todo"] if may_act else columns

    @admin.display(description=_("to do"))
    def todo(self, row):
        """What may be done to it now (queue.py)."""
        return render_to_string("admin/hongbao/row_acts.html", {"buttons": row.todo})

    def get_actions(self, request):
        return {
            action.name: actions.on_list(action)
            for action in self.acts
            if action.is_bulk and staff.may(request.user, action.permission)
        }

    def changelist_view(self, request, extra_context=None):
        making = [
            {"title": proposal.title, "url": proposals.url_of(self.model, proposal)}
            for proposal in self.proposals
            if staff.may(request.user, proposal.permission)
        ]
        context = {
            "proposals": making,
            "can_export": request.user.has_perm(export.PERMISSION),
            "export_query": export.query_of(request.GET),
            **saved.shown(self, request),
        }
        if self.acts or self.proposals or request.method != "GET":
            return super().changelist_view(request, {**context, **(extra_context or {})})
        with replica.reads() as seen_until:
            context["seen_until"] = seen_until
            answer = super().changelist_view(request, {**context, **(extra_context or {})})
            return answer.render() if isinstance(answer, TemplateResponse) else answer

    def export_columns(self) -> list[Column]:
        return exported.columns_of(self)

    def get_action_choices(self, request, default_choices=()):
        return [("", "---------"), *((a[1], a[2]) for a in self.get_actions(request).values())]

    # --- the page

    def page(self, request, obj) -> Page:
        """What the page shows; the default is every column of the row."""
        return Page(
            sentence=str(obj),
            facts=[(f.verbose_name, f.value_from_object(obj)) for f in self.model._meta.fields],
        )

    def name_of(self, obj) -> str:
        """What its page calls it, in words and in no code."""
        return str(obj)

    def change_view(self, request, object_id, form_url="", extra_context=None):
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET"])
        obj = self.get_object(request, object_id)
        if obj is None:
            return cast(Any, self)._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        page = self.page(request, obj)
        page.sections += filter(None, (section(request, obj) for section in self.sections))
        held = actions.warnings(self, request, obj, clock.now())
        page.warnings = [*page.warnings, *held, *(s.warning for s in page.sections if s.warning)]
        offered = [
            {"title": proposal.title, "url": proposals.url_of(model, proposal, **given)}
            for model, proposal, fits in self.offers
            if staff.may(request.user, proposal.permission) and (given := fits(obj)) is not None
        ]
        place = queue.kept(request)
        [own] = actions.buttons(self, request.user, self.acts, [obj], place)
        before, behind = queue.neighbours(self, request, obj, place)
        more = {
            "original": obj,
            "buttons": [*own, *offered],
            "list_url": queue.list_url(self, place),
            "previous": before and queue.keeping(page_of(before), place),
            "following": behind and queue.keeping(page_of(behind), place),
            **(extra_context or {}),
        }
        return self.told(request, page, self.name_of(obj), **more)

    def told(self, request, page: Page, name: Any, **more: Any) -> TemplateResponse:
        """A page about a row, or about several of them."""
        title, now = f"{names.one(self.opts)} {name}", clock.now()
        more = {"name": name, "subtitle": None, "page": page, "printed_at": now, **more}
        return self.render(request, "page", title, **more)

    def render(self, request, template: str, title: Any, **more: Any) -> TemplateResponse:
        """One of the back office's own templates, with what each of them wants to know."""
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "list_url": list_of(self.model),
            **more,
        }
        return TemplateResponse(request, f"admin/hongbao/{template}.html", context)

    def get_urls(self):
        base = f"{self.opts.app_label}_{self.opts.model_name}"
        new = self.admin_site.admin_view(lambda request, name: proposals.view(self, request, name))
        of_list = [
            ("do/<slug:name>/", actions.view, "act"),
            ("saved/", saved.view, "saved"),
            ("saved/<int:key>/drop/", saved.view, "drop"),
            ("export/", export.view, "export"),
            *self.more_pages,
        ]
        return [
            path("new/<slug:name>/", new, name=f"{base}_new"),
            *(path(route, self._door(view), name=f"{base}_{end}") for route, view, end in of_list),
            *super().get_urls(),
        ]

    def _door(self, view: Callable) -> Callable:
        """To a page for those who may see the list."""

        def opened(request, **of):
            if not self.has_view_permission(request):
                raise PermissionDenied
            return view(self, request, **of)

        return self.admin_site.admin_view(opened)


def done_to(obj) -> list[Entry]:
    """What staff did to a row, for its timeline."""
    rows = acts_on(type(obj), [obj.pk])
    return [
        Entry(
            at=row.created_at,
            who=row.user.get_username(),
            text=actions.titles.get(row.action, row.action),
            tone="staff",
            detail=reasons.of(row),
        )
        for row in rows.select_related("user").order_by("pk")
    ]


def staff_did(_request, obj) -> Section | None:
    """The same as a section of the row's page."""
    done = in_order(done_to(obj))
    return Section(_("What staff did"), entries=done, name="staff") if done else None


def done_by(user, most: int = 10) -> list[Entry]:
    """What one member of staff did last, newest first, for his desk."""
    return [
        Entry(
            row.created_at,
            reasons.on(row),
            actions.titles.get(row.action, row.action),
            "staff",
            reasons.of(row),
        )
        for row in StaffAction.objects.filter(user_id=user.pk).order_by("-pk")[:most]
    ]


actions.titles |= {
    "export": _("Export"),
    "join": _("Invitation taken up"),
    "change_own_password": _("Own password changed"),
    "credentials_changed": _("Password or device changed past the back office"),
    "invite_staff": _("Invited on the server"),
    "stop_staff": _("Taken out of use on the server"),
    "erase_person": _("Person erased on the server"),
}
