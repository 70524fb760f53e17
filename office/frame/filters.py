"""More filters of lists, each over a column with an index: amounts from-to, how old, a word of
several."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django.contrib.admin import FieldListFilter
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from kit import clock
from kit.money import yuan


class Given(FieldListFilter):
    """What a filter's form sends, and what the other filters have sent already."""

    @staticmethod
    def names(field_path: str) -> tuple[str, ...]:
        raise NotImplementedError

    def expected_parameters(self):
        return list(self.names(self.field_path))

    def __init__(self, field, request, params, model, model_admin, field_path):
        self.field_path = field_path
        super().__init__(field, request, params, model, model_admin, field_path)

    def given(self, name: str) -> str:
        value = self.used_parameters.get(name)
        return str((value[-1] if isinstance(value, list) else value) or "")

    def keep(self, changelist) -> None:
        self.kept = [
            (name, value)
            for name, values in changelist.filter_params.items()
            if name not in self.expected_parameters()
            for value in ([values] if isinstance(values, str) else values)
        ]


class AmountRangeFilter(Given):
    """From one amount to another, both included."""

    template = "admin/amount_range_filter.html"

    @staticmethod
    def names(field_path):
        return f"{field_path}__least", f"{field_path}__most"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.least_name, self.most_name = self.names(self.field_path)
        self.least, self.most = self._yuan(self.least_name), self._yuan(self.most_name)

    @property
    def ranged(self) -> str:
        return "" if self.least is self.most is None else self.field_path

    @property
    def said(self) -> str:
        given = ("" if end is None else f"{end:,.2f}" for end in (self.least, self.most))
        return " – ".join(given) if self.ranged else ""

    def queryset(self, request, queryset):
        if self.least is not None:
            queryset = queryset.filter(**{f"{self.field_path}__gte": self.least})
        if self.most is not None:
            queryset = queryset.filter(**{f"{self.field_path}__lte": self.most})
        return queryset

    def choices(self, changelist):
        self.keep(changelist)
        yield {
            "selected": self.least is None and self.most is None,
            "query_string": changelist.get_query_string(remove=self.expected_parameters()),
            "display": _("Any amount"),
        }

    def _yuan(self, name: str) -> Decimal | None:
        try:
            return yuan(self.given(name)) if self.given(name) else None
        except (ValueError, InvalidOperation) as error:
            raise IncorrectLookupParameters(error) from error


class OfOneWord(Given):
    """What one parameter says, `<column>__<word>`."""

    word: str
    called: Any

    @classmethod
    def names(cls, field_path):
        return (f"{field_path}__{cls.word}",)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.title, self.name = self.called, self.names(self.field_path)[0]


class AgeFilter(OfOneWord):
    """Waiting for longer than so many days."""

    DAYS = (1, 3, 7, 30)
    word, called = "older", _("age")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        text = self.given(self.name)
        if text and text not in map(str, self.DAYS):
            raise IncorrectLookupParameters(text)
        self.days = int(text) if text else 0

    @property
    def ranged(self) -> str:
        return self.field_path if self.days else ""

    def queryset(self, request, queryset):
        if not self.days:
            return queryset
        before = clock.now() - timedelta(days=self.days)
        return queryset.filter(**{f"{self.field_path}__lte": before})

    def choices(self, changelist):
        for days in (0, *self.DAYS):
            words = ngettext("more than %(days)d day", "more than %(days)d days", days)
            yield {
                "selected": days == self.days,
                "query_string": changelist.get_query_string({self.name: days or None}),
                "display": words % {"days": days} if days else _("Any age"),
            }


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
