"""Compiled SQL where the ORM costs more than the database (docs/hot-path.md).

Table and column names come from the models, so that a rename cannot leave a string behind.
"""

from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from django.db import connection, models


@cache  # a process has one engine, and Django's connection proxy is slow to ask
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
    found: Any = model._meta.get_field(field)
    return connection.ops.quote_name(found.column)


@cache
def insert(model: type[models.Model], *fields: str) -> str:
    return f"{insert_into(model, *fields)} VALUES ({', '.join(['%s'] * len(fields))})"


@cache
def insert_into(model: type[models.Model], *fields: str) -> str:
    """The head of an INSERT; VALUES or a SELECT follows."""
    return f"INSERT INTO {table(model)} ({', '.join(column(model, field) for field in fields)})"


@cache
def insert_missing_into(model: type[models.Model], *fields: str) -> str:
    """The same, passing over what is there already. (MariaDB's ON DUPLICATE KEY UPDATE would lock
    the gap beside a row of a unique index, and a neighbour's INSERT would wait.)"""
    return insert_into(model, *fields).replace(
        "INSERT", "INSERT IGNORE" if is_mysql() else "INSERT OR IGNORE", 1
    )


def joined(*parts: str) -> str:
    """SQL texts one behind the other."""
    return f"CONCAT({', '.join(parts)})" if is_mysql() else f"({' || '.join(parts)})"


def yuan(amount: str) -> str:
    """An amount of money as text with two places, as the API writes it."""
    return f"CAST({amount} AS CHAR)" if is_mysql() else f"printf('%%.2f', {amount})"
