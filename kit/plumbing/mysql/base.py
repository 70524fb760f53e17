"""Django's MySQL backend: BEGIN goes with what follows it, and never to a connection that is gone.

Django switches autocommit off and on around every transaction: two round trips more than BEGIN and
COMMIT need. The session stays in autocommit here, and BEGIN leaves in one piece with the statement
behind it (docs/decisions/0007); `durable`, `on_commit` and savepoints are unchanged.

Connections are kept for ever, and servers close idle ones. Django would ask the server before each
request, a round trip; the socket tells it for nothing: a server speaks only when it is asked, so
an idle connection with something to read has been closed. What dies without a word (a machine that
is gone) is found by the first statement, and that one is sent again where nothing has happened yet:
the first of a transaction, or a SELECT outside one (docs/decisions/0021).
"""

import select
from typing import Any

from django.db.backends.mysql import base
from MySQLdb import IntegrityError, OperationalError

GONE = {2006, 2013, 2055}  # the server has gone away; lost during a query; lost, with its reason


class DatabaseWrapper(base.DatabaseWrapper):
    is_to_begin = False  # a transaction is open of which the server has not heard

    def close_if_health_check_failed(self) -> None:
        """Django calls it before each cursor and each BEGIN."""
        if self.connection is not None and not self.in_atomic_block and _is_closed(self.connection):
            self.close()

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

    def create_cursor(self, name: str | None = None) -> "_Cursor":
        return _Cursor(self.connection.cursor(), self)


class _Cursor(base.CursorWrapper):
    def __init__(self, cursor: Any, wrapper: DatabaseWrapper):
        super().__init__(cursor)
        self._wrapper = wrapper

    def execute(self, query: str, args: Any = None) -> Any:
        if self._wrapper.is_to_begin:
            return self._begin_with(self.cursor._mogrify(query, args))
        try:
            return super().execute(query, args)
        except OperationalError as error:
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
            if error.args[0] not in GONE:
                raise
            self._connect_again()
            super().execute(both)
        self.nextset()
        self.cursor._executed = statement  # for whoever writes down what was sent
        return self.cursor.rowcount

    def _connect_again(self) -> None:
        self._wrapper.connect_again()
        self.cursor = self._wrapper.connection.cursor()


def _is_closed(connection: Any) -> bool:
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))
