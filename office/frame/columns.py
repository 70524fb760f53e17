"""Columns of a list that show one field of the row: declared in a line."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin

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


def _column(title: Any, show: Callable[[Any], Any]) -> Callable:
    @admin.display(description=title)
    def column(_admin: admin.ModelAdmin, row: Any) -> Any:
        return show(row)

    return column
