import kit.ids
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("kit", "0005_keys_byte_by_byte"),
    ]

    operations = [
        migrations.CreateModel(
            name="Duty",
            fields=[
                (
                    "lease",
                    kit.ids.AsciiField(editable=False, max_length=32, null=True),
                ),
                ("leased_until", models.DateTimeField(editable=False, null=True)),
                (
                    "name",
                    kit.ids.AsciiField(
                        max_length=48, primary_key=True, serialize=False
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.AddField(
            model_name="exportjob",
            name="lease",
            field=kit.ids.AsciiField(editable=False, max_length=32, null=True),
        ),
        migrations.AddField(
            model_name="exportjob",
            name="leased_until",
            field=models.DateTimeField(editable=False, null=True),
        ),
    ]
