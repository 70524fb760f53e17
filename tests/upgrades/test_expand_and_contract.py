"""After each migration workers of the release before can go on (docs/upgrading.md)."""

from pathlib import Path

import pytest
from django.conf import settings
from django.db import models
from django.db.migrations import operations
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState
from django.db.models import NOT_PROVIDED

from kit.fillings import Filled
from tests.upgrades.before import BASELINE

pytestmark = pytest.mark.once

# What would stop an old worker, and why it does not: "app.migration: what" -> reason.
WEIGHED: dict[str, str] = {}
ADDS = (
    operations.CreateModel,
    operations.AddIndex,
    operations.RemoveIndex,
    operations.RemoveConstraint,
    operations.AlterModelOptions,
    operations.AlterModelManagers,
    Filled,
)


Changes = list[tuple[str, list, ProjectState | None]]


def since_the_baseline() -> Changes:
    """The operations of each migration that the release before does not have, and the state that
    each begins with."""
    loader = MigrationLoader(None)
    return [
        (f"{app}.{name}", migration.operations, loader.project_state((app, name), at_end=False))
        for (app, name), migration in sorted(loader.disk_migrations.items())
        if name > BASELINE.get(app, "~")
    ]


def refusals(migrations: Changes) -> list[str]:
    """What of these an old worker would stumble over; tables that it does not know are free."""
    found, made = [], set()
    for name, changes, state in migrations:
        app = name.partition(".")[0]
        made |= {(app, each.name_lower) for each in changes if hasattr(each, "bases")}
        for each in changes:
            is_new = (app, getattr(each, "model_name", "").lower()) in made
            if not is_new and (why := refused(each, app, state)):
                found.append(f"{name}: {why}")
    return found


def refused(change, app: str = "", state: ProjectState | None = None) -> str:
    """Why an old worker could not go on after this change; empty when it can."""
    if isinstance(change, ADDS):
        return ""
    what = f"{type(change).__name__} {getattr(change, 'model_name', '')}".strip()
    if isinstance(change, operations.AddField):
        field = change.field
        has_value = field.null or field.db_default is not NOT_PROVIDED or field.many_to_many
        return "" if has_value else f"{what}.{change.name}: neither null nor db_default"
    if isinstance(change, operations.AlterField):
        before = state and state.models[app, change.model_name_lower].fields[change.name]
        is_free = before and takes_as_before(before, change.field)
        return "" if is_free else f"{what}.{change.name}"
    if isinstance(change, operations.AddConstraint):
        return f"{what}.{change.constraint.name}"
    return what


def not_waited_for(migrations: Changes) -> list[str]:
    """The columns that become required without waiting until they are filled (kit/fillings.py)."""
    found = []
    for name, changes, state in migrations:
        app = name.partition(".")[0]
        waited_for = set()
        for each in changes:
            if isinstance(each, Filled):
                waited_for.add((each.model_name.lower(), each.column))
            if isinstance(each, operations.AlterField) and not each.field.null:
                column = (each.model_name_lower, each.name)
                if state.models[app, column[0]].fields[each.name].null and column not in waited_for:
                    found.append(f"{name}: {each.model_name}.{each.name}")
    return found


def takes_as_before(before: models.Field, after: models.Field) -> bool:
    """Whether the column is the same to the database, or one that may be empty now, too."""
    wider = {**in_the_database(before), "null": before.null or after.null}
    return wider == {**in_the_database(after), "null": after.null}


def in_the_database(field: models.Field) -> dict:
    """A field without what only Django knows, such as its choices."""
    _, kind, args, given = field.deconstruct()
    of_django = {*field.non_db_attrs, "default"}
    kept = {key: given[key] for key in given if key not in of_django}
    return {"kind": kind, "args": args, **kept}


def test_old_workers_can_write_after_every_migration():
    found = refusals(since_the_baseline())

    assert sorted(found) == sorted(WEIGHED), "\n".join(found)


def test_what_becomes_required_waits_until_it_is_filled():
    assert not_waited_for(since_the_baseline()) == []


def test_the_baseline_is_there():
    loader = MigrationLoader(None)
    nodes = set(loader.disk_migrations)
    assert {(app, name) for app, name in BASELINE.items()} <= nodes
    ours = {app for app, _ in nodes if (Path(settings.BASE_DIR) / app).is_dir()}
    assert ours - {"sandbox"} == set(BASELINE)  # which production does not install


@pytest.mark.parametrize(
    ("change", "is_refused"),
    [
        (operations.AddField("order", "a", models.CharField(max_length=3, default="")), True),
        (operations.AddField("order", "a", models.CharField(max_length=3, db_default="")), False),
        (operations.AddField("order", "a", models.DateField(null=True)), False),
        (operations.AlterField("order", "a", models.DateField()), True),
        (operations.RemoveField("order", "a"), True),
        (operations.RenameField("order", "a", "b"), True),
        (operations.DeleteModel("order"), True),
        (operations.AddConstraint("order", models.UniqueConstraint(fields=["a"], name="x")), True),
        # Whatever moves data: a whole table in one statement keeps everybody waiting, and rows that
        # old workers write afterwards are left out (kit/fillings.py has neither fault).
        (operations.RunSQL("UPDATE payments_paymentorder SET a = b"), True),
        (operations.RunPython(lambda apps, _: None), True),
        (Filled("order", "a"), False),
    ],
)
def test_the_next_one_would_be_found(change, is_refused):
    assert bool(refusals([("app.9999", [change], None)])) is is_refused


def test_what_a_change_begins_with_decides():
    """Whether a table is new, and what a column was before."""
    key, state = models.CharField(max_length=8), ProjectState()
    operations.CreateModel("Order", [("key", key)]).state_forwards("app", state)

    def altered(**given):
        return [operations.AlterField("order", "key", models.CharField(max_length=8, **given))]

    unique = models.UniqueConstraint(fields=["key"], name="x")
    history = {
        "app.0002": altered(null=True),
        "app.0003": altered(choices=[("a", "A")]),
        "app.0004": altered(db_collation="ascii_bin"),
        "app.0005": [
            operations.CreateModel("Trade", [("key", key)]),
            operations.AddConstraint("trade", unique),
        ],
        "app.0006": [operations.RenameModel("order", "bill")],
    }

    found = refusals([(name, changes, state) for name, changes in history.items()])

    assert found == ["app.0004: AlterField order.key", "app.0006: RenameModel"]


def test_one_that_requires_a_column_unasked_would_be_found():
    state = ProjectState()
    key = models.CharField(max_length=8, null=True)
    operations.CreateModel("Order", [("key", key)]).state_forwards("app", state)
    required = operations.AlterField("order", "key", models.CharField(max_length=8))
    wider = operations.AlterField("order", "key", models.CharField(max_length=9, null=True))

    found = not_waited_for(
        [
            ("app.0002", [required], state),
            ("app.0003", [Filled("Order", "other"), required], state),
            ("app.0004", [Filled("Order", "key"), required], state),
            ("app.0005", [wider], state),
        ]
    )

    assert found == ["app.0002: order.key", "app.0003: order.key"]
