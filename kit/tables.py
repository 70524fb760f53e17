"""`migrate` looks whether the database is one that it can bring up to date."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections
from django.db.backends.utils import CursorWrapper
from django.db.migrations.executor import MigrationExecutor

# The history began anew with 1.0.0, under names that databases of development know already.
SAYS = (
    "The tables are those of a version before 1.0.0, which cannot be brought up to date (missing:"
    " {missing}). Begin with an empty database; `make up` keeps its own in REDPACKET_DATA_DIR."
)


@register(Tags.database)
def check_tables(databases: Iterable[str] | None = None, **_: Any) -> list[CheckMessage]:
    """All migrations are noted as applied, so every column must be there."""
    found: list[CheckMessage] = []
    for alias in databases or ():
        executor = MigrationExecutor(connections[alias])
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            continue
        if missing := list(missing_columns(alias)):
            found.append(Error(SAYS.format(missing=", ".join(missing[:3])), id="hongbao.E020"))
    return found


def missing_columns(alias: str) -> Iterator[str]:
    """Columns of our models that the tables do not have."""
    with connections[alias].cursor() as cursor:
        tables = connections[alias].introspection.table_names(cursor)
        for model in apps.get_models():
            meta = model._meta
            if meta.managed and not meta.proxy:
                there = columns(cursor, meta.db_table) if meta.db_table in tables else set()
                wanted = {field.column for field in meta.concrete_fields}
                yield from sorted(f"{meta.db_table}.{name}" for name in wanted - there)


def columns(cursor: CursorWrapper, table: str) -> set[str]:
    quoted = cursor.db.ops.quote_name(table)
    cursor.execute(f"SELECT * FROM {quoted} WHERE 1 = 0")
    return {column[0] for column in cursor.description}
