"""What the product's back ends do about what engines leave out."""

from django.db import connection

from kit.models import Heartbeat
from sandbox.models import SandboxDefaults
from wallets.models import LedgerLine


def test_a_row_keeps_the_key_that_it_brings():
    """OceanBase tells 0 where others tell it."""
    row = SandboxDefaults.objects.create(pk=7)

    assert row.pk == 7
    assert SandboxDefaults.objects.get().pk == 7
    row.save()


def test_a_row_without_a_key_is_told_its_own():
    rows = [SandboxDefaults.objects.create() for _ in range(2)]

    assert [row.pk for row in rows] == list(
        SandboxDefaults.objects.order_by("pk").values_list("pk", flat=True)
    )


def test_keys_are_given_in_order_by_an_engine_of_several_servers(on_mariadb):
    with connection.schema_editor(collect_sql=True) as editor:
        for model in (LedgerLine, Heartbeat):
            editor.create_model(model)
    made = [line for line in editor.collected_sql if line.startswith("CREATE TABLE")]

    assert len(made) == 2
    for line in made:
        assert line.endswith("/*T![auto_id_cache] AUTO_ID_CACHE 1 */;")
