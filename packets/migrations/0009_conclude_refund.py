from django.db import migrations

from office import roles


class Migration(migrations.Migration):
    """Finance may say what became of a channel refund."""

    dependencies = [("packets", "0008_group")]

    operations = [
        migrations.RunPython(lambda apps, _: roles.grant(apps), migrations.RunPython.noop),
    ]
