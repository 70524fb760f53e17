"""MySQL 8.4's and TiDB's ways as far as MariaDB can be told to have them: their modes of SQL, and
no RETURNING. A life of packets, each list of the back office and the audit go through in each."""

import pytest
from django.contrib import admin
from django.core.management import call_command
from django.db import OperationalError, connection
from django.urls import reverse

from packets.models import RedPacket
from packets.tasks import finish_taken, refund_expired, settle_due
from testing import desk
from wallets.audit import audit

# What MySQL 8.4 and TiDB 8 begin with; our own connections ask for less (redpacket_site/env.py).
THEIRS = (
    "ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,"
    "ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
)
MODES = {
    "theirs": THEIRS,
    # Standard SQL's: names in double quotes, || joins texts, a function's name may stand apart.
    "standard": f"ANSI_QUOTES,PIPES_AS_CONCAT,IGNORE_SPACE,NO_BACKSLASH_ESCAPES,{THEIRS}",
    "strictest": f"TRADITIONAL,{THEIRS}",
}


@pytest.fixture(params=MODES.values(), ids=MODES)
def mode(request, mariadb_alone, monkeypatch):
    options = connection.settings_dict["OPTIONS"]
    also = f"{options['init_command']}, sql_mode='{request.param}'"
    monkeypatch.setitem(options, "init_command", also)
    monkeypatch.setattr(type(connection.features), "can_return_columns_from_insert", False)
    monkeypatch.setattr(type(connection.features), "can_return_rows_from_bulk_insert", False)
    connection.close()
    connection.__dict__.pop("mysql_server_data", None)
    yield request.param
    monkeypatch.undo()
    connection.close()
    connection.__dict__.pop("mysql_server_data", None)


def test_all_goes_on_in_their_modes(mode):
    with connection.cursor() as cursor:
        cursor.execute("SELECT @@sql_mode")
        assert set(mode.split(",")) <= set(cursor.fetchone()[0].split(","))
        with pytest.raises(OperationalError, match="GROUP"):
            cursor.execute("SELECT user_id, COUNT(*) FROM wallets_wallet")

    call_command("seed_demo")
    for sweep in (settle_due, finish_taken, refund_expired):
        sweep()

    assert RedPacket.objects.count() > 5
    assert audit() == []
    superuser = desk.staff(None)
    for model in admin.site._registry:
        meta = model._meta
        if meta.app_label in ("packets", "payments", "wallets", "office"):
            answer = superuser.get(reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist"))
            assert answer.status_code == 200, meta.label
