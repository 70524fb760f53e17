"""`migrate` refuses tables of a version before 1.0.0 in one line, whatever they call themselves."""

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection

from kit import tables
from kit.models import Event

pytestmark = pytest.mark.once


def test_tables_that_are_whole_pass():
    assert tables.check_tables(databases=["default"]) == []
    assert tables.check_tables() == [], "where no database is meant, none is asked"


def test_a_column_that_is_not_there_is_told(monkeypatch):
    """As in a database whose migrations had the same names and other contents."""
    columns = tables.columns
    monkeypatch.setattr(tables, "columns", lambda *given: columns(*given) - {"pieces"})

    with pytest.raises(SystemCheckError, match=r"\(missing: kit_event.pieces\)"):
        call_command("migrate", skip_checks=False, verbosity=0)


def test_a_table_that_is_not_there_is_told(monkeypatch):
    names = connection.introspection.table_names
    monkeypatch.setattr(
        connection.introspection,
        "table_names",
        lambda cursor: [name for name in names(cursor) if name != Event._meta.db_table],
    )
    (error,) = tables.check_tables(databases=["default"])
    assert "kit_event.created_at, kit_event.data" in error.msg
