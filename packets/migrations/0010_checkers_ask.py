from django.db import migrations

from office import roles


class Migration(migrations.Migration):
    """Everybody of finance may ask a channel about an order."""

    dependencies = [
        ("packets", "0009_conclude_refund"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [
        migrations.RunPython(lambda apps, _: roles.grant(apps), migrations.RunPython.noop)
    ]
