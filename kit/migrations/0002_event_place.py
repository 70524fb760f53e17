from django.db import migrations


def one_row(apps, _editor):
    apps.get_model("kit", "EventPlace").objects.get_or_create(pk=1)


class Migration(migrations.Migration):
    dependencies = [("kit", "0001_initial")]
    operations = [migrations.RunPython(one_row, migrations.RunPython.noop)]
