"""How a row's fields are shown: in a list, among the facts of its page, in a table of another page.
Each is called what its model calls it, and looks as its kind does; what is more is told in a line.
"""

from collections.abc import Callable
from datetime import datetime
from operator import attrgetter
from typing import Any

from django.contrib import admin
from django.db import models
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext, gettext_lazy, ngettext

from kit import clock
from kit.ids import OutsideIdField
from kit.money import MoneyField
from office.frame.dossier import Cell, found, moment, yuan


def facts(row: Any, *names: str) -> list[tuple[Any, Any]]:
    """Of a row's own page."""
    return [(title, cell(row)) for title, cell in cells(type(row), *names)]


def cells(model: Any, *names: str) -> list[tuple[Any, Cell]]:
    """Of a table of such rows (dossier.table)."""
    fields = [model._meta.get_field(name) for name in names]
    return [(field.verbose_name, _look(field) or _plain(field)) for field in fields]


def listed(model: Any, name: str, *, is_first: bool) -> str | Callable:
    """What `list_display` names; the first one leads to the row's page, and nowhere else."""
    field = next((field for field in model._meta.concrete_fields if field.name == name), None)
    look = field and not field.choices and _look(field)
    if not look or (is_first and _is_of_another(field)):
        return name  # as Django shows it
    look.__name__ = name
    return admin.display(description=field.verbose_name)(look)


def _look(field: Any) -> Cell | None:
    """Of a kind that is not shown just as it is."""
    value = attrgetter(field.name)
    if field.choices:
        return lambda row: getattr(row, f"get_{field.name}_display")()
    if isinstance(field, MoneyField):
        return lambda row: yuan(value(row))
    if isinstance(field, models.DateTimeField):
        return lambda row: moment(value(row))
    if field.name == "maker":
        return maker
    return (lambda row: found(value(row))) if _is_of_another(field) else None


def maker(row: Any) -> Any:
    """Who proposed it; the product itself does, too."""
    return row.maker or gettext("system")


def _is_of_another(field: Any) -> bool:
    """Whether it leads to all that is known of somebody, or of an order."""
    names_one = isinstance(field, OutsideIdField) or field.name == "order_no"
    return names_one and not field.unique


def _plain(field: Any) -> Cell:
    value = attrgetter(field.name)
    return lambda row: "-" if value(row) in (None, "") else value(row)


def shown_column(show: Callable[[Any], Any], title: Any, field: str = "") -> Callable:
    """What is told of the row; `field`: of the row, where a file has that itself."""

    @admin.display(description=title)
    def column(_admin: admin.ModelAdmin, row: Any) -> Any:
        return show(row)

    if field:
        vars(column)["field"] = field
    return column


def amount_column(value: Callable[[Any], Any], title: Any) -> Callable:
    """Yuan that no column of the table keeps."""
    column = shown_column(lambda row: yuan(value(row)), title)
    vars(column).update(kind="money", value=value)
    return column


def number_column(value: Callable[[Any], Any], title: Any) -> Callable:
    column = shown_column(value, title)
    vars(column).update(kind="number", value=value)
    return column


def age_column(begin: str, end: str) -> Callable:
    """How long a row has waited; of one that waits no more, how long it did."""

    def show(row: Any) -> Any:
        since = getattr(row, begin)
        at = f"{timezone.localtime(since):%F %T}"
        return format_html('<span title="{}">{}</span>', at, waited(since, getattr(row, end)))

    return shown_column(show, gettext_lazy("age"))


def waited(begin: datetime, end: datetime | None) -> str:
    minutes = max(0, int(((end or clock.now()) - begin).total_seconds() // 60))
    hours = minutes // 60
    if hours >= 48:
        return ngettext("%(days)d day", "%(days)d days", hours // 24) % {"days": hours // 24}
    if not hours:
        return ngettext("%(minutes)d minute", "%(minutes)d minutes", minutes) % {"minutes": minutes}
    return ngettext("%(hours)d hour", "%(hours)d hours", hours) % {"hours": hours}


def worded(**shows: Callable[[Any], Any]) -> dict[str, Callable[[Any], str]]:
    """For `export_told`: columns of a file that say in words what the row keeps."""

    def column(name: str, show: Callable[[Any], Any]) -> Callable[[Any], str]:
        return lambda row: str(show(getattr(row, name)))

    return {name: column(name, show) for name, show in shows.items()}
