"""Whether a row is held: asked by somebody else, who does not wait."""

from django.db import OperationalError, connection, models, transaction

from kit import sql
from testing.forks import in_threads

LOCK_WAIT = 1205


def is_waiting_for(model: type[models.Model], key) -> bool:
    """Whether another transaction that wants to change this row would have to wait. MariaDB."""
    table, pk = model._meta.db_table, model._meta.pk.column

    def touch() -> bool:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                statement = f"UPDATE {table} SET {pk} = {pk} WHERE {pk} = %s"
                sql.execute_without_waiting(cursor, statement, [key])
        except OperationalError as error:
            assert error.args[0] == LOCK_WAIT, error
            return True
        return False

    (held,) = in_threads([touch])
    if isinstance(held, Exception):
        raise held
    return held
