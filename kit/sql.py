"""Compiled SQL where the ORM costs more than the database (docs/hot-path.md).

Table and column names come from the models, so that a rename cannot leave a string behind.
"""

import re
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple, cast

from django.db import DatabaseError, DataError, connection, models, transaction
from django.db.backends.utils import CursorWrapper

Statement = tuple[str, list]  # and its values
OFFSET_LENGTH = len("+00:00")
# Readable ASCII without ' and \, which the engines read in their own way, and % (the drivers do).
_PLAIN = re.compile(r"[ -$&(-\[\]-~]*")


class Step(NamedTuple):
    """A statement that must change so many rows; what is raised where it does not."""

    statement: Statement
    rows: int
    otherwise: type[Exception]


@cache  # a process has one engine, and Django's connection proxy is slow to ask
def is_mysql() -> bool:
    return connection.vendor == "mysql"


def run(*statements: Statement) -> None:
    with connection.cursor() as cursor:
        for _ in together(cursor, statements):
            pass


def together(cursor: CursorWrapper, statements: Sequence[Statement]) -> Generator[None, None, None]:
    """Execute them in one trip, where the engine can; the cursor stands behind each in its turn.

    One that fails raises in its turn, and those behind it are not executed. They are when it merely
    changed no row: whoever does not like that closes this, and the transaction can only be rolled
    back (on each engine, so that none is kinder than another).
    """
    try:
        if is_mysql():
            joined = "; ".join([statement for statement, _ in statements])
            cursor.execute(joined, [value for _, values in statements for value in values])
            yield
            for _ in statements[1:]:
                cursor.nextset()
                yield
        else:
            for statement, values in statements:
                cursor.execute(statement, values)
                yield
    except GeneratorExit:
        transaction.set_rollback(True)
        with suppress(DatabaseError):  # what a later one says is not what went wrong
            while is_mysql() and cursor.nextset():
                pass
        raise


def check(cursor: CursorWrapper, sent: Iterator[None], steps: Sequence[Step]) -> None:
    """The next ones of what together() has sent. Raises: what a step says."""
    for step in steps:
        next(sent)
        if cursor.rowcount != step.rows:
            raise step.otherwise()


def run_steps(steps: Sequence[Step]) -> None:
    """Raises: what a step says."""
    statements = [step.statement for step in steps]
    with connection.cursor() as cursor, closing(together(cursor, statements)) as sent:
        check(cursor, sent, steps)
        for _ in sent:  # to its end: what is closed before it rolls back
            pass


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


def literals(texts: Sequence[str]) -> list[str]:
    """Texts as they stand in a statement; such that would have to be escaped are refused. For the
    rows of a set: to hand them over as values takes the driver longer than all the rest."""
    if not _PLAIN.fullmatch("".join(texts)):
        raise DataError("a text that would have to be escaped")
    return [f"'{text}'" for text in texts]


def numbers(keys: Iterable[int]) -> str:
    """Keys for an IN, as text: whole numbers need no quoting, and to hand over a hundred parameters
    takes the driver longer than the engine takes to read them."""
    return ", ".join([f"{key:d}" for key in keys])


def fen(amount: str) -> str:
    """An amount of money in fen: an exact integer on both engines."""
    if is_mysql():
        return f"CAST({amount} * 100 AS UNSIGNED)"
    return f"CAST(ROUND({amount} * 100) AS INTEGER)"
