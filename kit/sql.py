"""Compiled SQL where the ORM costs more than the database (docs/hot-path.md).

Table and column names come from the models, so that a rename cannot leave a string behind.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any, cast

from django.db import connection, models
from django.db.backends.utils import CursorWrapper

Statement = tuple[str, list]  # and its values
OFFSET_LENGTH = len("+00:00")


@cache  # a process has one engine, and Django's connection proxy is slow to ask
def is_mysql() -> bool:
    return connection.vendor == "mysql"


def run(*statements: Statement) -> None:
    with connection.cursor() as cursor:
        for _ in together(cursor, statements):
            pass


def together(cursor: CursorWrapper, statements: Sequence[Statement]) -> Iterator[None]:
    """Execute them in one trip, where the engine can; the cursor stands behind each in its turn.

    One that fails raises in its turn, and those behind it are not executed. They are when it merely
    changed no row: whoever does not like that must have the transaction rolled back.
    """
    if not is_mysql():
        for statement, values in statements:
            cursor.execute(statement, values)
            yield
        return
    joined = "; ".join(statement for statement, _ in statements)
    cursor.execute(joined, [value for _, values in statements for value in values])
    yield
    for _ in statements[1:]:
        cursor.nextset()
        yield


def execute_without_waiting(cursor: CursorWrapper, statement: str, values: list) -> None:
    """Where a row is locked fail at once (1205), in place of waiting; SQLite has one writer."""
    if is_mysql():
        cast(Any, connection).execute_without_waiting(cursor, statement, values)
    else:
        cursor.execute(statement, values)


def time(value: datetime) -> str:
    """A parameter for a DateTimeField column: UTC without offset, as Django stores it. As text: the
    driver takes longer to write a datetime than the engines to read one."""
    if value.tzinfo is not UTC:
        value = value.astimezone(UTC)
    return value.isoformat(sep=" ")[:-OFFSET_LENGTH]


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


def numbers(keys: Iterable[int]) -> str:
    """Keys for an IN, as text: whole numbers need no quoting, and to hand over a hundred parameters
    takes the driver longer than the engine takes to read them."""
    return ", ".join([f"{key:d}" for key in keys])


def fen(amount: str) -> str:
    """An amount of money in fen: an exact integer on both engines."""
    if is_mysql():
        return f"CAST({amount} * 100 AS UNSIGNED)"
    return f"CAST(ROUND({amount} * 100) AS INTEGER)"


def yuan(amount: str) -> str:
    """An amount of money as text with two places, as the API writes it."""
    return f"CAST({amount} AS CHAR)" if is_mysql() else f"printf('%%.2f', {amount})"
