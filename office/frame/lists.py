"""Lists over big tables: nothing is counted to the end, every filter has an index."""

from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import PAGE_VAR, ChangeList
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from kit.money import fen_sum, from_fen

COUNTED = 500  # rows; a list says "500+" beyond, and goes on by key
SUMMED = 10_000  # rows; a totals line says so beyond
BEFORE = "before"


class EstimatedPaginator(Paginator):
    """Counts to COUNTED and no further, whatever the table's size."""

    object_list: QuerySet

    @cached_property
    def counted(self) -> int:
        return self.object_list.values("pk")[: COUNTED + 1].count()

    @property
    def count(self) -> int:
        return min(self.counted, COUNTED)

    @property
    def is_cut(self) -> bool:
        return self.counted > COUNTED


class KeysetChangeList(ChangeList):
    """Page numbers within a window of COUNTED rows; "older" goes on behind the last row shown, at
    the same cost at any depth. In the order of the key or, under a filter by a range, of the
    filtered column: its index then finds the rows and orders them, too."""

    model_admin: Any
    list_select_related: Any
    before: str | None = None
    totals: tuple = ()

    def get_filters_params(self, params=None):
        lookups = super().get_filters_params(params)
        lookups.pop(BEFORE, None)
        return lookups

    def get_queryset(self, request, exclude_parameters=None):
        self.before = self.params.pop(BEFORE, None)
        self.filter_params.pop(BEFORE, None)
        rows = super().get_queryset(request, exclude_parameters)
        self.filtered = rows
        if self.before is None:
            return rows
        try:
            return self._behind(rows, self.before)
        except (ValueError, ValidationError) as error:
            raise IncorrectLookupParameters(error) from error

    def _behind(self, rows, key):
        if not self.ranged:
            return rows.filter(**{"pk__lt" if self.is_descending else "pk__gt": key})
        place = rows.model._default_manager.filter(pk=key).values_list(self.ranged, flat=True)[:1]
        if not place:
            return rows.none()
        if place[0] is None:  # none of these rows has one, and the key alone orders them
            return rows.filter(**{f"{self.ranged}__isnull": True, "pk__lt": key})
        until = {f"{self.ranged}__lte": place[0]}
        return rows.filter(**until).exclude(**{self.ranged: place[0], "pk__gte": key})

    def apply_select_related(self, rows):
        """By a query of their own: joined, a database may begin with the few people that all rows
        name, and sort all rows."""
        return rows.prefetch_related(*(self.list_select_related or ()))

    def get_ordering(self, request, queryset):
        if self.ranged:
            return [f"-{self.ranged}", "-pk"]
        return super().get_ordering(request, queryset)

    def get_query_string(self, new_params=None, remove=None):
        """Filter links begin at the top again, page numbers stay within their window."""
        given = dict(new_params or {})
        if self.before is not None and PAGE_VAR in given:
            given.setdefault(BEFORE, self.before)
        return super().get_query_string(given, remove)

    def get_results(self, request):
        super().get_results(request)
        self.result_list = list(self.result_list)
        self.model_admin.prepare(self.result_list)
        self.model_admin.give_buttons(request, self.result_list)
        self.totals = self.model_admin.totals_of(self.filtered, self)

    @property
    def ranged(self) -> str:
        """The column that a filter in use gives a range; the first one's, when there are more."""
        return next((f for spec in self.filter_specs if (f := getattr(spec, "ranged", ""))), "")

    @property
    def is_descending(self) -> bool:
        return self.model_admin.ordering[0].startswith("-")

    @property
    def is_cut(self) -> bool:
        return self.paginator.is_cut

    @property
    def older_url(self) -> str:
        """The page behind this one, by key; empty when the window shows all."""
        if not self.is_cut or not self.result_list:
            return ""
        return super().get_query_string({BEFORE: self.result_list[-1].pk})

    @property
    def newest_url(self) -> str:
        return super().get_query_string() if self.before is not None else ""


class Total(NamedTuple):
    label: Any
    amount: Decimal
    query: str = ""  # the list of what it is made of, where it is not the whole list


class TotalsMixin:
    """A totals line over the filtered set: `totals = {"amount": _("amount")}`, and the first of
    them again by what `parts` names.

    Sums the newest SUMMED rows at most, and says so when there are more.
    """

    totals: dict = {}

    def parts(self, changelist) -> dict[Any, tuple[Q, dict | None]]:
        """What else is summed: label -> (which rows, the filter that shows them or None)."""
        return {}

    def totals_of(self, queryset, changelist) -> tuple[Total, ...]:
        if not self.totals:
            return ()
        rows, first = queryset.select_related(None)[:SUMMED], next(iter(self.totals))
        parts = self.parts(changelist)
        sums = {f"of_{column}": fen_sum(column) for column in self.totals}
        sums |= {
            f"part_{at}": fen_sum(first, filter=which)
            for at, (which, _query) in enumerate(parts.values())
        }
        found = {name: from_fen(fen) for name, fen in rows.aggregate(**sums).items()}
        whole = [Total(label, found[f"of_{column}"]) for column, label in self.totals.items()]
        split = [
            Total(label, found[f"part_{at}"], changelist.get_query_string(query) if query else "")
            for at, (label, (_which, query)) in enumerate(parts.items())
            if found[f"part_{at}"]
        ]
        return (*whole, *split) if len(split) > 1 else tuple(whole)

    @property
    def totals_note(self):
        return _("of the newest %(rows)d rows at most") % {"rows": SUMMED}
