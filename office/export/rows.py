"""What an export holds: the rows that a list shows under its filters, and their columns in words.

Rows are read behind the last key seen, so a million of them need no more memory than a page.
"""

import json
from collections.abc import Iterator

from django.db import models
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from kit import replica
from kit.money import MoneyField
from office.export.sheets import Column

PAGE = 2_000


def columns_of(model_admin) -> list[Column]:
    """Every column of the model that may be shown, in words."""
    fields = [
        field
        for field in model_admin.model._meta.concrete_fields
        if field.editable
        and field.name not in model_admin.export_hidden
        and not isinstance(field, models.BinaryField)
    ]
    told = model_admin.export_told
    return [
        Column(str(field.verbose_name), told[field.name]) if field.name in told else _column(field)
        for field in fields
    ]


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


def filtered(model_admin, request) -> QuerySet:
    """What the list shows under the request's filters. Raises IncorrectLookupParameters."""
    related = [
        field.name
        for field in model_admin.model._meta.concrete_fields
        if isinstance(field, models.ForeignKey) and field.name not in model_admin.export_hidden
    ]
    rows = model_admin.get_changelist_instance(request).filtered
    return rows.prefetch_related(*related)  # not joined: see KeysetChangeList


def pages(model_admin, rows: QuerySet, after=None) -> Iterator[list]:
    """The rows in the list's order, a page at a time, behind the key `after`."""
    is_descending = model_admin.ordering[0].startswith("-")
    rows = rows.order_by("-pk" if is_descending else "pk")
    beyond = "pk__lt" if is_descending else "pk__gt"
    while True:
        with replica.reads():
            page = list((rows if after is None else rows.filter(**{beyond: after}))[:PAGE])
            model_admin.prepare(page)
        if not page:
            return
        yield page
        after = page[-1].pk
