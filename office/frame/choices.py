"""Filters by a word whose rows an index gives in the order of another column than the key: the list
is then in that order (lists.py: ranged)."""

from collections.abc import Mapping
from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from office.frame.filters import Given


class ChoiceFilter(Given):
    """One of `words()`, each with its title."""

    any_title: Any = _("All")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        (self.name,) = self.names(self.field_path)
        self.word = self.given(self.name)
        if self.word and self.word not in self.words():
            raise IncorrectLookupParameters(self.word)

    @staticmethod
    def names(field_path):
        return (f"{field_path}__exact",)

    def words(self) -> Mapping[str, Any]:
        raise NotImplementedError

    def condition(self, request, word: str) -> Q:
        return Q(**{self.field_path: word})

    def queryset(self, request, queryset):
        return queryset.filter(self.condition(request, self.word)) if self.word else queryset

    def choices(self, changelist):
        self.keep(changelist)
        for word, title in {"": self.any_title, **self.words()}.items():
            yield {
                "word": word,
                "selected": word == self.word,
                "query_string": changelist.get_query_string({self.name: word or None}),
                "display": title,
            }


class OrderedChoiceFilter(ChoiceFilter):
    """`ordered_by` is the column behind this one in the index."""

    ordered_by = ""

    @property
    def ranged(self) -> str:
        return self.ordered_by if self.word else ""
