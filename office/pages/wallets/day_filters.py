"""Ledger lines by the day in whose books they are (book.py): their time needs no index."""

from datetime import date

from django.contrib.admin import ChoicesFieldListFilter
from django.contrib.admin.options import IncorrectLookupParameters
from django.utils.translation import gettext_lazy as _

from office.frame.filters import Given
from office.shown.accounts import GROUPS, account_name
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


class SidesOfDayFilter(Given):
    """Lines out of one account, into another, or both, of the day that is chosen beside it or else
    of today; wallets and escrows are taken together, as in a closed day's figures."""

    takes, called = ("source__of", "target__of"), _("account (of a day)")

    def __init__(self, field, request, params, model, model_admin, field_path):
        super().__init__(field, request, params, model, model_admin, field_path)
        self.sides = {name: self.given(name) for name in self.names(field_path)}
        if unknown := {*self.sides.values()} - {"", *GROUPS}:
            raise IncorrectLookupParameters(unknown)
        self.has_day = any(request.GET.get(name) for name in DayFilter.names("booked_on"))

    def queryset(self, request, queryset):
        given = {name: account for name, account in self.sides.items() if account}
        if given and not self.has_day:
            queryset = daily.lines_of_today(queryset)
        for name, account in given.items():
            # By its group, which no index knows: the day's does.
            side = name.partition("__")[0]
            queryset = queryset.alias(**{f"{side}_is": daily.group(side)})
            queryset = queryset.filter(**{f"{side}_is": account})
        return queryset

    @property
    def said(self) -> str:
        source, target = (account_name(name) if name else "" for name in self.sides.values())
        return f"{source} → {target}" if source or target else ""

    def choices(self, changelist):
        out_of, into = self.names(self.field_path)
        yield {
            "selected": not any(self.sides.values()),
            "query_string": changelist.get_query_string(remove=[out_of, into]),
            "display": _("Any account"),
        }
        for name, words in ((out_of, _("out of %(account)s")), (into, _("into %(account)s"))):
            for account in GROUPS:
                yield {
                    "selected": self.sides[name] == account,
                    "query_string": changelist.get_query_string({name: account}),
                    "display": words % {"account": account_name(account)},
                }


class DayFilter(Given):
    template = "admin/day_filter.html"
    takes, called = ("{}__day",), _("day")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.asked = self.given(self.name)
        try:
            self.day = date.fromisoformat(self.asked) if self.asked not in ("", TODAY) else None
        except ValueError as error:
            raise IncorrectLookupParameters(error) from error

    @property
    def said(self) -> str:
        return self.day.isoformat() if self.day else ""

    def queryset(self, request, queryset):
        if self.asked == TODAY:
            return daily.lines_of_today(queryset)
        if self.day is None:
            return queryset
        summary = DailySummary.objects.filter(day=self.day).first()
        if summary is None:  # not closed (yet)
            return queryset.filter(booked_on=self.day)
        return queryset.filter(daily.lines_of(summary))

    def choices(self, changelist):
        self.keep(changelist)
        closed = DailySummary.objects.order_by("-day").values_list("day", flat=True)[:SHOWN]
        days = [("", _("Any day")), (TODAY, _("Today"))]
        for word, text in [*days, *((day.isoformat(), day.isoformat()) for day in closed)]:
            yield {
                "selected": word == self.asked,
                "query_string": changelist.get_query_string({self.name: word or None}),
                "display": text,
            }
