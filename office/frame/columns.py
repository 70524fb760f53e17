"""Columns of a list that show one field of the row: declared in a line."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin

from kit.telling import told
from office.frame.dossier import found, moment, yuan


def money_column(field: str, title: Any) -> Callable:
    """Yuan, right-aligned, with two places."""
    return _column(title, lambda row: yuan(getattr(row, field)))


def when_column(field: str, title: Any) -> Callable:
    """A moment in the service's time zone."""
    return _column(title, lambda row: moment(getattr(row, field)))


def found_column(field: str, title: Any) -> Callable:
    """A number or an id that leads to all that is known of it."""
    return _column(title, lambda row: found(getattr(row, field)))


def words_column(field: str, title: Any) -> Callable:
    """The words of a choice."""
    return _column(title, lambda row: getattr(row, f"get_{field}_display")())


def told_column(field: str, title: Any) -> Callable:
    """What a program has noted, in the reader's language."""
    return _column(title, lambda row: told(getattr(row, field)))


def worded(**shows: Callable[[Any], Any]) -> dict[str, Callable[[Any], str]]:
    """For `export_told`: columns of a file that say in words what the row keeps."""

    def column(name: str, show: Callable[[Any], Any]) -> Callable[[Any], str]:
        return lambda row: str(show(getattr(row, name)))

    return {name: column(name, show) for name, show in shows.items()}


def shown_column(show: Callable[[Any], Any], title: Any) -> Callable:
    """What is told of the row."""
    return _column(title, show)


def _column(title: Any, show: Callable[[Any], Any]) -> Callable:
    @admin.display(description=title)
    def column(_admin: admin.ModelAdmin, row: Any) -> Any:
        return show(row)

    return column
