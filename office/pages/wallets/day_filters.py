"""Ledger lines by the day in whose books they are (book.py): their time needs no index."""

from datetime import date

from django.contrib.admin import ChoicesFieldListFilter
from django.contrib.admin.options import IncorrectLookupParameters
from django.utils.translation import gettext_lazy as _

from office.frame.filters import Given
from wallets import daily
from wallets.models import DailySummary

TODAY = "today"
SHOWN = 7  # closed days to choose from


class KindOfDayFilter(ChoicesFieldListFilter):
    """Lines of one kind, of the day that is chosen beside it or else of today.

    A kind of all days would need an index of its own on the ledger, which every grab would pay for.
    """

    def __init__(self, field, request, params, model, model_admin, field_path):
        super().__init__(field, request, params, model, model_admin, field_path)
        self.title = _("kind (of a day)")
        self.has_day = any(request.GET.get(name) for name in DayFilter.names("booked_on"))

    def queryset(self, request, queryset):
        if self.lookup_val is not None and not self.has_day:
            queryset = daily.lines_of_today(queryset)
        return super().queryset(request, queryset)


class DayFilter(Given):
    template = "admin/day_filter.html"

    @staticmethod
    def names(field_path):
        return (f"{field_path}__day",)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.title = _("day")
        self.name = self.names(self.field_path)[0]
        self.word = self.given(self.name)
        try:
            self.day = date.fromisoformat(self.word) if self.word not in ("", TODAY) else None
        except ValueError as error:
            raise IncorrectLookupParameters(error) from error

    def queryset(self, request, queryset):
        if self.word == TODAY:
            return daily.lines_of_today(queryset)
        if self.day is None:
            return queryset
        summary = DailySummary.objects.filter(day=self.day).first()
        if summary is None:
            return queryset.none()
        return queryset.filter(daily.lines_of(summary))

    def choices(self, changelist):
        self.keep(changelist)
        closed = DailySummary.objects.order_by("-day").values_list("day", flat=True)[:SHOWN]
        days = [("", _("Any day")), (TODAY, _("Today"))]
        for word, text in [*days, *((day.isoformat(), day.isoformat()) for day in closed)]:
            yield {
                "selected": word == self.word,
                "query_string": changelist.get_query_string({self.name: word or None}),
                "display": text,
            }
