import django.db.models.deletion
import kit.ids
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("kit", "0003_staff"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ExportJob",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "token",
                    kit.ids.AsciiField(editable=False, max_length=32, unique=True),
                ),
                ("model", kit.ids.AsciiField(max_length=64, verbose_name="list")),
                ("query", models.TextField(blank=True, verbose_name="filters")),
                ("format", kit.ids.AsciiField(max_length=4, verbose_name="format")),
                ("language", kit.ids.AsciiField(max_length=8)),
                (
                    "state",
                    models.PositiveSmallIntegerField(
                        choices=[(0, "being written"), (1, "ready"), (2, "failed"), (3, "removed")],
                        db_index=True,
                        default=0,
                        verbose_name="state",
                    ),
                ),
                ("rows", models.PositiveIntegerField(default=0, verbose_name="rows")),
                ("size", models.PositiveBigIntegerField(default=0)),
                ("first", kit.ids.AsciiField(blank=True, default="", max_length=64)),
                ("last", kit.ids.AsciiField(blank=True, default="", max_length=64)),
                ("until", kit.ids.AsciiField(blank=True, default="", max_length=64)),
                ("run_at", models.DateTimeField(db_index=True, null=True)),
                (
                    "says",
                    models.CharField(blank=True, default="", max_length=255, verbose_name="says"),
                ),
                ("created_at", models.DateTimeField(db_index=True, verbose_name="asked for at")),
                ("done_at", models.DateTimeField(db_index=True, null=True, verbose_name="done at")),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="staff",
                    ),
                ),
            ],
            options={
                "verbose_name": "export",
                "verbose_name_plural": "exports",
            },
        ),
    ]
