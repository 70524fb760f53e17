"""Django's MySQL backend, opening a transaction with BEGIN and never on a connection that is gone.

Django switches autocommit off and on around every transaction: two round trips more than BEGIN and
COMMIT need. The session stays in autocommit; `durable`, `on_commit` and savepoints are unchanged.

Connections are kept for ever, and servers close idle ones. Django would ask the server before each
request, a round trip; the socket tells it for nothing: a server speaks only when it is asked, so
an idle connection with something to read has been closed. What dies without a word (a machine that
is gone) is found by the first statement, and that one is sent again where nothing has happened yet:
BEGIN, or a SELECT outside a transaction (docs/decisions/0021).
"""

import select
from typing import Any

from django.db.backends.mysql import base
from MySQLdb import OperationalError

GONE = {2006, 2013, 2055}  # the server has gone away; lost during a query; lost, with its reason


class DatabaseWrapper(base.DatabaseWrapper):
    def close_if_health_check_failed(self) -> None:
        """Django calls it before each cursor and each BEGIN."""
        if self.connection is not None and not self.in_atomic_block and _is_closed(self.connection):
            self.close()

    def _set_autocommit(self, autocommit: bool) -> None:
        with self.wrap_database_errors:
            self.connection.autocommit(True)  # the driver asks the server only when it is off
            if not autocommit:
                self._begin()

    def _begin(self) -> None:
        try:
            self.connection.query("BEGIN")
        except OperationalError as error:
            if error.args[0] not in GONE:
                raise
            self.connect_again()
            self.connection.query("BEGIN")

    def connect_again(self) -> None:
        self.close()
        self.ensure_connection()

    def create_cursor(self, name: str | None = None) -> "_Cursor":
        return _Cursor(self.connection.cursor(), self)


class _Cursor(base.CursorWrapper):
    def __init__(self, cursor: Any, wrapper: DatabaseWrapper):
        super().__init__(cursor)
        self._wrapper = wrapper

    def execute(self, query: str, args: Any = None) -> Any:
        try:
            return super().execute(query, args)
        except OperationalError as error:
            if (
                error.args[0] not in GONE
                or self._wrapper.in_atomic_block
                or not query.lstrip()[:6].upper() == "SELECT"
            ):
                raise
            self._wrapper.connect_again()
            self.cursor = self._wrapper.connection.cursor()
            return super().execute(query, args)


def _is_closed(connection: Any) -> bool:
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))
