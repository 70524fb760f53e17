from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("wallets", "0002_back_office"),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditRun",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("began_at", models.DateTimeField(verbose_name="began at")),
                ("took_ms", models.PositiveIntegerField(verbose_name="took (ms)")),
                ("rules", models.PositiveSmallIntegerField(verbose_name="rules")),
                ("findings", models.PositiveIntegerField(verbose_name="findings")),
                ("says", models.JSONField(default=list, verbose_name="says")),
            ],
            options={
                "verbose_name": "audit run",
                "verbose_name_plural": "audit runs",
            },
        ),
        migrations.AlterField(
            model_name="adjustment",
            name="proposed_at",
            field=models.DateTimeField(db_index=True, verbose_name="proposed at"),
        ),
    ]
