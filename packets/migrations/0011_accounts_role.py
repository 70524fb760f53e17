from django.db import migrations

from office import roles


class Migration(migrations.Migration):
    """The fifth role: whoever looks after the accounts of staff."""

    dependencies = [
        ("packets", "0010_checkers_ask"),
        ("office", "0001_tries"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [
        migrations.RunPython(lambda apps, _: roles.grant(apps), migrations.RunPython.noop)
    ]
