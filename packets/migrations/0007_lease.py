import kit.ids
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("packets", "0006_list_indexes"),
    ]

    operations = [
        migrations.AddField(
            model_name="settlementpass",
            name="lease",
            field=kit.ids.AsciiField(editable=False, max_length=32, null=True),
        ),
        migrations.AddField(
            model_name="settlementpass",
            name="leased_until",
            field=models.DateTimeField(editable=False, null=True),
        ),
    ]
