"""What an export holds: the rows that a list shows under its filters, and their columns in words.

Rows are read behind the last key seen, so a million of them need no more memory than a page.
"""

import html
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import QuerySet
from django.utils.html import strip_tags
from django.utils.translation import gettext as _

from kit import replica
from kit.money import MoneyField
from office.export.sheets import Column
from office.shown import asked, names

PAGE = 2_000


def columns_of(model_admin) -> list[Column]:
    """What the screen shows, in its order and words, then whatever else the row holds and may be
    shown."""
    fields = {
        field.name: field
        for field in model_admin.model._meta.concrete_fields
        if field.editable
        and field.name not in model_admin.export_hidden
        and not isinstance(field, models.BinaryField)
    }
    told, columns = model_admin.export_told, dict[str, Column]()
    for name in [*model_admin.list_display, *fields]:
        shown = None if name == "__str__" else getattr(model_admin, name, None)
        field = fields.get(getattr(shown, "field", name))
        if field is not None and field.name in told:
            made = Column(str(field.verbose_name), told[field.name])
        elif field is not None:
            made = _column(field)
        elif name == "__str__":
            made = Column(str(names.one(model_admin.opts)), str)
        elif shown is None or name in model_admin.export_hidden:
            continue
        else:
            made = _shown(shown)
        columns.setdefault(str(made.title), made)
    return list(columns.values())


def _shown(shown: Any) -> Column:
    """A column that the screen makes up, as text or, where it says so, as what it is."""
    if kind := getattr(shown, "kind", ""):
        return Column(str(shown.short_description), shown.value, kind)
    return Column(
        str(shown.short_description), lambda row: html.unescape(strip_tags(str(shown(row)))).strip()
    )


def _column(field: models.Field) -> Column:
    name, title = field.name, str(field.verbose_name)
    if isinstance(field, models.ForeignKey):
        return Column(title, lambda row: "" if (v := getattr(row, name)) is None else str(v))
    if field.choices:
        return Column(title, lambda row: str(getattr(row, f"get_{name}_display")()))
    if isinstance(field, models.JSONField):
        return Column(title, lambda row: json.dumps(getattr(row, name), ensure_ascii=False))
    if isinstance(field, models.BooleanField):
        return Column(title, lambda row: _("yes") if getattr(row, name) else _("no"))
    kinds = {
        MoneyField: "money",
        models.DateTimeField: "time",
        models.DateField: "date",
        models.IntegerField: "number",
        models.FloatField: "number",
    }
    kind = next((kind for type_, kind in kinds.items() if isinstance(field, type_)), "text")
    return Column(title, lambda row: getattr(row, name), kind)


def filtered(model_admin, request) -> tuple[QuerySet, list[str]]:
    """What the list shows under the request's filters, and these in words. Raises
    IncorrectLookupParameters."""
    related = [
        field.name
        for field in model_admin.model._meta.concrete_fields
        if isinstance(field, models.ForeignKey) and field.name not in model_admin.export_hidden
    ]
    changelist = model_admin.get_changelist_instance(request)
    rows = changelist.filtered.prefetch_related(*related)  # not joined: see KeysetChangeList
    return rows, asked.on_screen(changelist)


def pages(model_admin, rows: QuerySet, after=None) -> Iterator[tuple[list[Any], datetime | None]]:
    """The rows in the list's order, a page at a time, behind the key `after`; with each page the
    moment until which the replica had seen all, when it was read there."""
    is_descending = model_admin.ordering[0].startswith("-")
    rows = rows.order_by("-pk" if is_descending else "pk")
    beyond = "pk__lt" if is_descending else "pk__gt"
    while True:
        with replica.reads() as seen_until:
            page = list((rows if after is None else rows.filter(**{beyond: after}))[:PAGE])
            model_admin.prepare(page)
        if not page:
            return
        yield page, seen_until
        after = page[-1].pk
