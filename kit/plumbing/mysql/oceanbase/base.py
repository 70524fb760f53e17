"""OceanBase, which speaks as MySQL 5.7 does and has constraints as 8.0 has (docs/scale.md).

A URL that begins with oceanbase:// asks for it: by its version Django would take it for a MySQL too
old for CHECK constraints and create the tables without them.
"""

from typing import Any

from django.db.backends.mysql import features, operations

from kit.plumbing.mysql import base

LOCK_WAIT_S = 3  # as its URL asks for (kit/plumbing/env.py)


class DatabaseFeatures(features.DatabaseFeatures):
    minimum_database_version = (5, 7)
    supports_column_check_constraints = True
    supports_table_check_constraints = True
    can_introspect_check_constraints = False
    supports_expression_defaults = False


class DatabaseOperations(operations.DatabaseOperations):
    compiler_module = "kit.plumbing.mysql.oceanbase.compiler"


class SchemaEditor(base.SchemaEditor):
    # A column and a foreign key over it are added by two statements only.
    sql_create_column_inline_fk = None  # type: ignore[assignment]


class DatabaseWrapper(base.DatabaseWrapper):
    features_class = DatabaseFeatures
    ops_class = DatabaseOperations
    SchemaEditorClass = SchemaEditor
    display_name = "OceanBase"
    ascii_collation = "utf8mb4_bin"  # it knows no other character set that compares byte by byte

    def lock_wait(self, seconds: int) -> str:
        return f"SET SESSION ob_trx_lock_timeout = {seconds * 1_000_000}"

    def execute_without_waiting(self, cursor: Any, statement: str, values: list) -> None:
        cursor.execute(self.lock_wait(0))
        try:
            cursor.execute(statement, values)
        finally:
            cursor.execute(self.lock_wait(LOCK_WAIT_S))
