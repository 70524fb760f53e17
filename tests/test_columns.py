"""What machines compare is compared byte by byte on every engine; only people's words are not."""

import pytest
from django.apps import apps
from django.db import connection, models

from kit.ids import AsciiField
from testing.make import user

OURS = ("kit", "office", "wallets", "payments", "packets")
# Words that people write or read, and addresses: nothing is looked up by them.
OF_PEOPLE = {
    "packets.profile": {"nickname", "avatar"},
    "packets.redpacket": {"intro", "frozen_reason"},
    "packets.refundreview": {"note"},
    "wallets.wallet": {"frozen_reason"},
    "wallets.ledgerline": {"note"},
    "wallets.adjustment": {"reason", "attachment"},
    "payments.notification": {"says"},
    "payments.bill": {"says"},
    "payments.case": {"says", "resolution"},
    "payments.channelrefund": {"reason", "attachment", "answer"},
    "office.staffaction": {"subject", "reason"},
    "office.staffevent": {"username", "agent"},
    "office.accountchange": {"reason"},
    "office.exportjob": {"query", "says"},
    "office.tries": {"username"},
    "office.savedfilter": {"name"},
}


def ours():
    """Whose columns are ours: a proxy has those of another model."""
    models = apps.get_models()
    return [m for m in models if m._meta.app_label in OURS and not m._meta.proxy]


def texts():
    for model in ours():
        for field in model._meta.concrete_fields:
            if isinstance(field, models.CharField | models.TextField):
                yield model._meta.label_lower, field


@pytest.mark.once
def test_every_column_is_of_machines_or_named_as_of_people():
    loose = [
        f"{label}.{field.name}"
        for label, field in texts()
        if not isinstance(field, AsciiField) and field.name not in OF_PEOPLE.get(label, ())
    ]

    assert loose == []


def test_the_engine_tells_upper_from_lower_wherever_a_column_is_unique(on_mariadb):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT s.table_name, s.column_name, c.collation_name"
            " FROM information_schema.statistics s JOIN information_schema.columns c"
            " USING (table_schema, table_name, column_name)"
            " WHERE s.table_schema = DATABASE() AND s.non_unique = 0"
            " AND c.collation_name IS NOT NULL AND c.collation_name NOT LIKE '%\\_bin'"
        )
        tables = {model._meta.db_table for model in ours()}
        loose = [row for row in cursor.fetchall() if row[0] in tables]

    assert loose == []


def test_two_keys_that_differ_by_case_are_two_wishes():
    wish = {"type": "personal", "for_id": "bob", "single_money": "1.00"}
    alice = user("alice")

    first = alice.post("packets", wish, key="Ab")
    second = alice.post("packets", wish, key="aB")
    again = alice.post("packets", wish, key="Ab")

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] != second.json()["id"]
    assert again.json() == first.json()
    assert again["Idempotent-Replayed"] == "true"
