"""Compiled SQL where the ORM costs more than the database (docs/hot-path.md).

Table and column names come from the models, so that a rename cannot leave a string behind.
"""

from datetime import UTC, datetime
from decimal import Decimal
from functools import cache

from django.db import connection, models


def is_mysql() -> bool:
    return connection.vendor == "mysql"


def time(value: datetime) -> datetime | str:
    """A parameter for a DateTimeField column: UTC without offset, as Django stores it."""
    plain = value.astimezone(UTC).replace(tzinfo=None)
    return plain if is_mysql() else plain.isoformat(sep=" ")


def money(value: Decimal) -> Decimal | str:
    return value if is_mysql() else str(value)


def read_time(value: datetime | str) -> datetime:
    """What a raw cursor returns for a DateTimeField column, aware."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return value.replace(tzinfo=UTC)


def table(model: type[models.Model]) -> str:
    return connection.ops.quote_name(model._meta.db_table)


def column(model: type[models.Model], field: str) -> str:
    return connection.ops.quote_name(model._meta.get_field(field).column)


@cache
def insert(model: type[models.Model], *fields: str) -> str:
    names = ", ".join(column(model, field) for field in fields)
    return f"INSERT INTO {table(model)} ({names}) VALUES ({', '.join(['%s'] * len(fields))})"
