"""A release after this one, for rolling.py: this tree, and a column more on the table of shares.

New code writes the column, old code leaves it empty; a filling fills it, and a second migration
requires it.
"""

import shutil
from pathlib import Path

from tests.faults.stack import ROOT

COLUMN = "packets.share.rolled"
EXPAND, CONTRACT = "9998_expand", "9999_contract"
LEFT_OUT = (".*", "var", "__pycache__")

IN_MODELS = f"""

from kit import fillings

fillings.FILLINGS.hang("{COLUMN}", lambda rows: rows.update(rolled=1))
Share.add_to_class("rolled", models.PositiveSmallIntegerField(null=True, default=1))
"""
MIGRATION = """
from django.db import migrations, models

from kit.fillings import Filled


class Migration(migrations.Migration):
    dependencies = [("packets", "{before}")]
    operations = [
        {operations}
    ]
"""
ADD = 'migrations.AddField("share", "rolled", models.PositiveSmallIntegerField(null=True)),'
REQUIRE = """Filled("Share", "rolled"),
        migrations.AlterField("share", "rolled", models.PositiveSmallIntegerField()),"""


def write(folder: Path) -> None:
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*LEFT_OUT), symlinks=True)
    with (folder / "packets" / "models.py").open("a") as models:
        models.write(IN_MODELS)
    last = sorted((ROOT / "packets" / "migrations").glob("0*.py"))[-1].stem
    _migration(folder, EXPAND, after=last, operations=ADD)


def require(folder: Path) -> None:
    """The release after that one."""
    _migration(folder, CONTRACT, after=EXPAND, operations=REQUIRE)


def _migration(folder: Path, name: str, *, after: str, operations: str) -> None:
    text = MIGRATION.format(before=after, operations=operations)
    (folder / "packets" / "migrations" / f"{name}.py").write_text(text)
