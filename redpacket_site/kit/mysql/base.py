"""Django's MySQL backend, opening a transaction with BEGIN.

Django switches autocommit off and on around every transaction: two round trips more than BEGIN and
COMMIT need. The session stays in autocommit; `durable`, `on_commit` and savepoints are unchanged.
"""

from django.db.backends.mysql import base


class DatabaseWrapper(base.DatabaseWrapper):
    def _set_autocommit(self, autocommit):
        with self.wrap_database_errors:
            self.connection.autocommit(True)  # the driver asks the server only when it is off
            if not autocommit:
                self.connection.query("BEGIN")
