"""Django's compilers for MySQL, and what an INSERT tells."""

from typing import Any

from django.db.backends.mysql.compiler import (
    SQLAggregateCompiler,
    SQLCompiler,
    SQLDeleteCompiler,
    SQLUpdateCompiler,
)
from django.db.models.sql import compiler

__all__ = [
    "SQLAggregateCompiler",
    "SQLCompiler",
    "SQLDeleteCompiler",
    "SQLInsertCompiler",
    "SQLUpdateCompiler",
]


class SQLInsertCompiler(compiler.SQLInsertCompiler):
    def execute_sql(self, returning_fields: Any = None) -> Any:  # type: ignore[override]
        """A row that brings its key along keeps it: the key that was given last is told as 0 here,
        where MySQL tells that of the row."""
        brings_its_key = self.query.objs[0].pk is not None
        return super().execute_sql(None if brings_its_key else returning_fields)
