from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("wallets", "0004_list_indexes"),
    ]

    operations = [
        migrations.AddField(
            model_name="ledgerline",
            name="booked_on",
            field=models.DateField(null=True, verbose_name="booked on"),
        ),
        migrations.AddIndex(
            model_name="ledgerline",
            index=models.Index(fields=["booked_on", "id"], name="ledger_booked"),
        ),
        migrations.AddField(
            model_name="dailysummary",
            name="is_booked",
            field=models.BooleanField(db_default=False),
        ),
        migrations.CreateModel(
            name="OpenDay",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.DateField(null=True)),
            ],
        ),
    ]
