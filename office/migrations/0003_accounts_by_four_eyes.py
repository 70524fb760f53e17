from django.db import migrations

from office import roles


class Migration(migrations.Migration):
    """Accounts and their changes are looked at by role."""

    dependencies = [
        ("packets", "0014_years"),
        ("office", "0002_accounts"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [
        migrations.RunPython(lambda apps, _: roles.grant(apps), migrations.RunPython.noop)
    ]
