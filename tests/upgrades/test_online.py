"""A migration changes tables while they are used: MariaDB itself is asked whether it can."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import OperationalError, connection, models
from django.db.migrations import operations
from django.db.migrations.state import ModelState, ProjectState

from tests.upgrades.test_expand_and_contract import Changes, since_the_baseline

ONLINE = "ALGORITHM=INPLACE, LOCK=NONE"
# What has everybody wait, and why that is borne: "app.migration: statement" -> reason.
WEIGHED: dict[str, str] = {}

pytestmark = pytest.mark.usefixtures("mariadb_alone")


@contextmanager
def scratch() -> Iterator[None]:
    """An empty database, for what is tried out on empty tables."""
    name = connection.settings_dict["NAME"]
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}_online")
        cursor.execute(f"USE {name}_online")
        try:
            yield
        finally:
            cursor.execute(f"USE {name}")
            cursor.execute(f"DROP DATABASE {name}_online")


def refusals(migrations: Changes) -> list[str]:
    """The statements of these migrations that MariaDB cannot run beside readers and writers."""
    found = []
    for name, changes, before in migrations:
        app = name.partition(".")[0]
        state = before or ProjectState()
        for change in changes:
            after = state.clone()
            change.state_forwards(app, after)
            key = (app, getattr(change, "model_name_lower", ""))
            if key in state.models and (before and key in before.models):
                found += [f"{name}: {each}" for each in _refused(change, app, state, after)]
            state = after
    return found


def _refused(change, app: str, before: ProjectState, after: ProjectState) -> Iterator[str]:
    with scratch():
        with connection.schema_editor() as editor:
            editor.create_model(before.apps.get_model(app, change.model_name))
            editor.deferred_sql.clear()  # keys to tables that are not here
        with connection.schema_editor(collect_sql=True) as editor:
            change.database_forwards(app, editor, before, after)
            statements = [sql for sql in editor.collected_sql if not sql.startswith("--")]
        for sql in statements:
            if "FOREIGN KEY" in sql or not sql.startswith(("ALTER TABLE", "CREATE", "DROP INDEX")):
                continue
            comma = "," if sql.startswith("ALTER") else ""
            online = ONLINE if comma else ONLINE.replace(",", "")
            try:
                with connection.cursor() as cursor:
                    cursor.execute(f"{sql.rstrip(';')}{comma} {online}")
            except OperationalError as error:
                yield f"{sql} ({error.args[1]})"


def test_every_migration_runs_beside_readers_and_writers():
    assert {each.partition(" (")[0] for each in refusals(since_the_baseline())} == set(WEIGHED)


@pytest.mark.parametrize(
    ("change", "is_refused"),
    [
        (operations.AddField("thing", "more", models.IntegerField(null=True)), False),
        (
            operations.AddField("thing", "kind", models.CharField(max_length=8, db_default="x")),
            False,
        ),
        (operations.AddIndex("thing", models.Index(fields=["word"], name="thing_word")), False),
        (operations.AlterField("thing", "word", models.CharField(max_length=60)), False),
        (operations.AlterField("thing", "number", models.BigIntegerField()), True),
        (operations.AlterField("thing", "word", models.CharField(max_length=5)), True),
    ],
)
def test_what_would_stop_the_world_is_refused(change, is_refused):
    state = ProjectState()
    fields = [
        ("id", models.BigAutoField(primary_key=True)),
        ("word", models.CharField(max_length=20)),
        ("number", models.IntegerField()),
    ]
    state.add_model(ModelState("packets", "Thing", fields))

    found = refusals([("packets.0002", [change], state)])

    assert bool(found) is is_refused, found
