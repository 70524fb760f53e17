"""Filters of lists, each over a column with an index: from-to, how old, a word of several."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import InvalidOperation
from typing import Any

from django.contrib.admin import FieldListFilter, SimpleListFilter
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from kit import clock
from kit.money import yuan
from office.frame.typed import within


def allowed_parameters(list_filter) -> set[str]:
    """The query parameters that a list's own filters take. Django lets any column be filtered by
    address, which would tell hidden ones (`?seed__startswith=a`)."""
    allowed = set()
    for item in list_filter:
        if isinstance(item, str):
            allowed |= {item, f"{item}__exact", f"{item}__isnull", f"{item}__id__exact"}
        elif isinstance(item, type) and issubclass(item, SimpleListFilter):
            allowed.add(str(item.parameter_name))
        else:
            field, kind = item
            allowed |= {f"{field}__exact"}
            if hasattr(kind, "names"):
                allowed |= set(kind.names(field))
    return allowed


class Given(FieldListFilter):
    """What a filter's form sends, and what the other filters have sent already."""

    takes: tuple[str, ...] = ("{}__exact",)  # its parameters, by the column
    called: Any = ""  # where it is not called as its column is

    @classmethod
    def names(cls, field_path: str) -> tuple[str, ...]:
        return tuple(name.format(field_path) for name in cls.takes)

    def expected_parameters(self):
        return list(self.names(self.field_path))

    def __init__(self, field, request, params, model, model_admin, field_path):
        self.field_path = field_path
        super().__init__(field, request, params, model, model_admin, field_path)
        self.title = self.called or self.title
        self.name = self.names(field_path)[0]

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


class _FromTo(Given):
    """From one end to another, both included."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.from_name, self.to_name = self.names(self.field_path)
        self.least, self.most = self._end(self.from_name), self._end(self.to_name)

    def _end(self, name: str) -> Any:
        try:
            return self.read(self.given(name)) if self.given(name) else None
        except (ValueError, InvalidOperation) as error:
            raise IncorrectLookupParameters(error) from error

    def read(self, text: str) -> Any:
        raise NotImplementedError

    @property
    def ranged(self) -> str:
        return "" if self.least is self.most is None else self.field_path

    @property
    def said(self) -> str:
        ends = ("" if end is None else self.show(end) for end in (self.least, self.most))
        return " – ".join(ends) if self.ranged else ""

    def show(self, end: Any) -> str:
        raise NotImplementedError


class AmountRangeFilter(_FromTo):
    template = "admin/amount_range_filter.html"
    takes = ("{}__least", "{}__most")

    def read(self, text):
        return yuan(text)

    def show(self, end):
        return f"{end:,.2f}"

    def queryset(self, request, queryset):
        if self.least is not None:
            queryset = queryset.filter(**{f"{self.field_path}__gte": self.least})
        if self.most is not None:
            queryset = queryset.filter(**{f"{self.field_path}__lte": self.most})
        return queryset

    def choices(self, changelist):
        self.keep(changelist)
        yield {
            "selected": not self.ranged,
            "query_string": changelist.get_query_string(remove=self.expected_parameters()),
            "display": _("Any amount"),
        }


class DateRangeFilter(_FromTo):
    """Of days, in the service's time zone."""

    template = "admin/date_range_filter.html"
    takes = ("{}__from", "{}__to")

    def __init__(self, field, *args, **kwargs):
        super().__init__(field, *args, **kwargs)
        if field.verbose_name == field.name.replace("_", " "):
            self.title = _("time")  # nobody has named the column

    def read(self, text):
        return within(date.fromisoformat(text))

    def show(self, end):
        return end.isoformat()

    def queryset(self, request, queryset):
        if self.least:
            queryset = queryset.filter(**{f"{self.field_path}__gte": _midnight(self.least)})
        if self.most:
            end = _midnight(self.most + timedelta(days=1))
            queryset = queryset.filter(**{f"{self.field_path}__lt": end})
        return queryset

    def choices(self, changelist):
        self.keep(changelist)
        today = clock.today()
        spans = [
            (_("Any date"), None, None),
            (_("Today"), today, today),
            (_("Yesterday"), today - timedelta(days=1), today - timedelta(days=1)),
            (_("Past 7 days"), today - timedelta(days=6), today),
            (_("This month"), today.replace(day=1), today),
        ]
        for label, least, most in spans:
            query = {self.from_name: least, self.to_name: most}
            yield {
                "selected": (least, most) == (self.least, self.most),
                "query_string": changelist.get_query_string(query),
                "display": label,
            }


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


class AgeFilter(Given):
    """Waiting for longer than so many days."""

    DAYS = (1, 3, 7, 30)
    takes, called = ("{}__older",), _("age")

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

    ordered_by = ""  # the column behind this one in the index

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.word = self.given(self.name)
        if self.word and self.word not in self.words():
            raise IncorrectLookupParameters(self.word)

    @property
    def ranged(self) -> str:
        return self.ordered_by if self.word else ""

    def words(self) -> Mapping[str, Any]:
        raise NotImplementedError

    def condition(self, request, word: str) -> Q:
        return Q(**{self.field_path: word})

    def queryset(self, request, queryset):
        return queryset.filter(self.condition(request, self.word)) if self.word else queryset

    def choices(self, changelist):
        self.keep(changelist)
        for word, title in {"": _("All"), **self.words()}.items():
            yield {
                "word": word,
                "selected": word == self.word,
                "query_string": changelist.get_query_string({self.name: word or None}),
                "display": title,
            }
