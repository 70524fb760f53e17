"""The release before this one: its last migrations and its tables."""

from django.db import connection
from django.db.migrations.loader import MigrationLoader

from tests.upgrades.before import BASELINE


def targets() -> list[tuple[str, str]]:
    """The release's state: its own migrations and the libraries' newest."""
    loader = MigrationLoader(connection)
    others = [leaf for leaf in loader.graph.leaf_nodes() if leaf[0] not in BASELINE]
    return [*BASELINE.items(), *others]


def models() -> list:
    """The release's own models: what its workers read and write. Parents before children."""
    apps = MigrationLoader(connection).project_state(targets()).apps
    left = [model for label in BASELINE for model in apps.get_app_config(label).get_models()]
    ordered: list = []
    while left:
        ready = [model for model in left if not (parents(model) - {model}) & set(left)]
        ordered += ready
        left = [model for model in left if model not in ready]
    return ordered


def columns(model) -> list[str]:
    """What its workers write of a row; the database knows the rest (`db_default`, NULL)."""
    return [field.column for field in model._meta.concrete_fields if not field.generated]


def parents(model) -> set:
    return {field.related_model for field in model._meta.concrete_fields if field.is_relation}
