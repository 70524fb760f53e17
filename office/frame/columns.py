"""Columns of a list that show one field of the row: declared in a line."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy, ngettext

from kit import clock
from kit.telling import told
from office.frame.dossier import found, moment, yuan


def money_column(field: str, title: Any) -> Callable:
    """Yuan, right-aligned, with two places."""
    return _column(title, lambda row: yuan(getattr(row, field)), field)


def amount_column(value: Callable[[Any], Any], title: Any) -> Callable:
    """Yuan that no column of the table keeps."""
    column = _column(title, lambda row: yuan(value(row)))
    vars(column).update(kind="money", value=value)
    return column


def number_column(value: Callable[[Any], Any], title: Any) -> Callable:
    column = _column(title, value)
    vars(column).update(kind="number", value=value)
    return column


def when_column(field: str, title: Any) -> Callable:
    """A moment in the service's time zone."""
    return _column(title, lambda row: moment(getattr(row, field)), field)


def age_column(begin: str, end: str) -> Callable:
    """How long a row has waited; of one that waits no more, how long it did."""

    def show(row: Any) -> Any:
        since = getattr(row, begin)
        at = f"{timezone.localtime(since):%F %T}"
        return format_html('<span title="{}">{}</span>', at, waited(since, getattr(row, end)))

    return _column(gettext_lazy("age"), show)


def waited(begin: datetime, end: datetime | None) -> str:
    minutes = max(0, int(((end or clock.now()) - begin).total_seconds() // 60))
    hours = minutes // 60
    if hours >= 48:
        return ngettext("%(days)d day", "%(days)d days", hours // 24) % {"days": hours // 24}
    if not hours:
        return ngettext("%(minutes)d minute", "%(minutes)d minutes", minutes) % {"minutes": minutes}
    return ngettext("%(hours)d hour", "%(hours)d hours", hours) % {"hours": hours}


def found_column(field: str, title: Any) -> Callable:
    """A number or an id that leads to all that is known of it."""
    return _column(title, lambda row: found(getattr(row, field)), field)


def words_column(field: str, title: Any) -> Callable:
    """The words of a choice."""
    return _column(title, lambda row: getattr(row, f"get_{field}_display")(), field)


def told_column(field: str, title: Any) -> Callable:
    """What a program has noted, in the reader's language."""
    return _column(title, lambda row: told(getattr(row, field)), field)


def worded(**shows: Callable[[Any], Any]) -> dict[str, Callable[[Any], str]]:
    """For `export_told`: columns of a file that say in words what the row keeps."""

    def column(name: str, show: Callable[[Any], Any]) -> Callable[[Any], str]:
        return lambda row: str(show(getattr(row, name)))

    return {name: column(name, show) for name, show in shows.items()}


def shown_column(show: Callable[[Any], Any], title: Any) -> Callable:
    """What is told of the row."""
    return _column(title, show)


def _column(title: Any, show: Callable[[Any], Any], field: str = "") -> Callable:
    """`field`: of the row, where a file has that itself."""

    @admin.display(description=title)
    def column(_admin: admin.ModelAdmin, row: Any) -> Any:
        return show(row)

    if field:
        vars(column)["field"] = field
    return column
