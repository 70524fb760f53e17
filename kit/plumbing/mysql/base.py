"""Django's MySQL backend: BEGIN goes with what follows it, and never to a connection that is gone.

Django switches autocommit off and on around every transaction: two round trips more than BEGIN and
COMMIT need. The session stays in autocommit here, and BEGIN leaves in one piece with the statement
behind it (docs/decisions/0007); `durable`, `on_commit` and savepoints are unchanged.

Connections are kept, and servers close idle ones. Django would ask the server before each
request, a round trip; the socket tells it for nothing: a server speaks only when it is asked, so
an idle connection with something to read has been closed. What dies without a word (a machine that
is gone) is found by the first statement, and that one is sent again where nothing has happened yet:
the first of a transaction, or a SELECT outside one (docs/decisions/0021).

After a failover a connection may lead to a server that only reads by now. The first write is told
so, and the connection is not used again; one that writes nothing ends by its age.
"""

import select
import time
from typing import Any

from django.db.backends.mysql import base, schema
from django.utils.functional import cached_property
from MySQLdb import IntegrityError, OperationalError

READ_ONLY = {1290, 1836}  # the server runs with --read-only; it is in read-only mode
GONE = {2006, 2013, 2055}  # the server has gone away; lost during a query; lost, with its reason


class SchemaEditor(schema.DatabaseSchemaEditor):
    """A flow is read by its lines' keys. TiDB, which gives them to each of its servers in blocks,
    is told to give them in order; to any other engine that is a comment."""

    IN_ORDER = "/*T![auto_id_cache] AUTO_ID_CACHE 1 */"

    def table_sql(self, model: Any) -> tuple[str, list]:
        statement, values = super().table_sql(model)
        return f"{statement} {self.IN_ORDER}", values


class DatabaseWrapper(base.DatabaseWrapper):
    SchemaEditorClass = SchemaEditor
    is_to_begin = False  # a transaction is open of which the server has not heard
    is_read_only = False  # it was the primary once: the address may lead to another one by now
    ascii_collation = "ascii_bin"

    @cached_property
    def data_types(self) -> dict[str, str]:  # type: ignore[override]
        """As text, which keeps what was written to the letter: MySQL's and OceanBase's own JSON
        puts names into another order, and a repeat would not get the answer that the first got."""
        as_text = {} if self.mysql_is_mariadb else {"JSONField": "longtext"}
        return super().data_types | as_text

    @cached_property
    def data_type_check_constraints(self) -> dict[str, str]:  # type: ignore[override]
        as_json = {} if self.mysql_is_mariadb else {"JSONField": "JSON_VALID(`%(column)s`)"}
        return super().data_type_check_constraints | as_json

    def lock_wait(self, seconds: int) -> str:
        """The statement by which this session waits so long for a lock."""
        return f"SET SESSION innodb_lock_wait_timeout = {seconds}"

    def execute_without_waiting(self, cursor: Any, statement: str, values: list) -> None:
        """Fail with 1205 where a row is locked. MySQL's least is a second, for the whole session:
        there it waits as long as any statement does."""
        at_once = "SET STATEMENT innodb_lock_wait_timeout=0 FOR " if self.mysql_is_mariadb else ""
        cursor.execute(at_once + statement, values)

    def close_if_health_check_failed(self) -> None:
        """Django calls it before each cursor and each BEGIN."""
        if self.connection is None or self.in_atomic_block:
            return
        is_old = self.close_at is not None and time.monotonic() >= self.close_at
        if is_old or self.is_read_only or is_closed(self.connection):
            self.close()

    def get_new_connection(self, conn_params: dict) -> Any:
        self.is_read_only = False
        return super().get_new_connection(conn_params)

    def is_usable(self) -> bool:
        return not self.is_read_only and super().is_usable()

    def _set_autocommit(self, autocommit: bool) -> None:
        with self.wrap_database_errors:
            self.connection.autocommit(True)  # the driver asks the server only when it is off
        self.is_to_begin = not autocommit

    def _commit(self) -> None:
        if self.is_to_begin:  # nothing was sent
            self.is_to_begin = False
        else:
            super()._commit()  # type: ignore[misc]

    def _rollback(self) -> None:
        if self.is_to_begin:
            self.is_to_begin = False
        else:
            super()._rollback()  # type: ignore[misc]

    def connect_again(self) -> None:
        """A new connection in the place of one that is gone, transaction or not. When none is to be
        had, the old one stays and fails as it would have."""
        fresh = self.get_new_connection(self.get_connection_params())
        self.connection.close()
        self.connection = fresh
        self.connection.autocommit(True)
        self.init_connection_state()

    def create_cursor(self, name: str | None = None) -> "Cursor":
        return Cursor(self.connection.cursor(), self)


class Cursor(base.CursorWrapper):
    def __init__(self, cursor: Any, wrapper: DatabaseWrapper):
        super().__init__(cursor)
        self._wrapper = wrapper

    def execute(self, query: str, args: Any = None) -> Any:
        if self._wrapper.is_to_begin:
            return self._begin_with(self.cursor._mogrify(query, args))
        try:
            return super().execute(query, args)
        except OperationalError as error:
            self._note(error)
            if (
                error.args[0] not in GONE
                or self._wrapper.in_atomic_block
                or not query.lstrip()[:6].upper() == "SELECT"
            ):
                raise
            self._connect_again()
            return super().execute(query, args)

    def executemany(self, query: str, args: Any) -> Any:
        if self._wrapper.is_to_begin:
            self._begin_with(b"DO 0")
        return super().executemany(query, args)

    def nextset(self) -> Any:
        try:
            return self.cursor.nextset()
        except OperationalError as error:
            self._note(error)
            if error.args[0] in self.codes_for_integrityerror:
                raise IntegrityError(*error.args) from error
            raise

    def _begin_with(self, statement: bytes) -> Any:
        """One trip for two statements; the first one's answer is passed over."""
        self._wrapper.is_to_begin = False  # from here on it may have been sent
        both = b"BEGIN; " + statement
        try:
            super().execute(both)
        except OperationalError as error:
            self._note(error)
            if error.args[0] not in GONE:
                raise
            self._connect_again()
            super().execute(both)
        self.nextset()
        self.cursor._executed = statement  # for whoever writes down what was sent
        return self.cursor.rowcount

    def _note(self, error: OperationalError) -> None:
        if error.args[0] in READ_ONLY:
            self._wrapper.is_read_only = True

    def _connect_again(self) -> None:
        self._wrapper.connect_again()
        self.cursor = self._wrapper.connection.cursor()


def is_closed(connection: Any) -> bool:
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))
