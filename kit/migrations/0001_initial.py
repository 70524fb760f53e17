import django.db.models.deletion
import kit.ids
from django.conf import settings
from django.db import migrations, models


def one_row(apps, _):
    """Where the feed of events gives its places: one row, always there."""
    apps.get_model("kit", "EventPlace").objects.get_or_create(pk=1)


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
    ]

    operations = [
        migrations.CreateModel(
            name='Credentials',
            fields=[
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='+', serialize=False, to=settings.AUTH_USER_MODEL)),
                ('fingerprint', kit.ids.AsciiField(editable=False, max_length=64)),
                ('changed_at', models.DateTimeField(verbose_name='changed at')),
            ],
        ),
        migrations.CreateModel(
            name='Duty',
            fields=[
                ('lease', kit.ids.AsciiField(editable=False, max_length=32, null=True)),
                ('leased_until', models.DateTimeField(editable=False, null=True)),
                ('name', kit.ids.AsciiField(max_length=48, primary_key=True, serialize=False)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Event',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('place', models.PositiveBigIntegerField(null=True, unique=True)),
                ('pieces', models.PositiveSmallIntegerField(db_default=1)),
                ('type', kit.ids.AsciiField(max_length=32)),
                ('data', models.JSONField()),
                ('created_at', models.DateTimeField(db_index=True)),
            ],
            options={
                'verbose_name': 'event for the chat',
                'verbose_name_plural': 'events for the chat',
            },
        ),
        migrations.CreateModel(
            name='EventPlace',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('last', models.PositiveBigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name='Filling',
            fields=[
                ('name', kit.ids.AsciiField(max_length=160, primary_key=True, serialize=False)),
                ('walk', models.PositiveIntegerField(default=1)),
                ('place', kit.ids.AsciiField(default='', max_length=64)),
                ('found', models.PositiveBigIntegerField(default=0)),
                ('filled', models.PositiveBigIntegerField(default=0)),
                ('moved_at', models.DateTimeField()),
                ('finished_at', models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='Heartbeat',
            fields=[
                ('name', kit.ids.AsciiField(max_length=160, primary_key=True, serialize=False)),
                ('at', models.DateTimeField()),
                ('off_s', models.IntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name='Turn',
            fields=[
                ('user_id', kit.ids.OutsideIdField(max_length=64, primary_key=True, serialize=False)),
            ],
        ),
        migrations.CreateModel(
            name='IdempotencyRecord',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('caller', kit.ids.OutsideIdField(max_length=64)),
                ('key', kit.ids.AsciiField(max_length=64)),
                ('fingerprint', kit.ids.AsciiField(max_length=64)),
                ('status', models.PositiveSmallIntegerField(default=0)),
                ('body', models.JSONField(default=dict)),
                ('request_id', kit.ids.AsciiField(blank=True, db_default='', db_index=True, default='', max_length=64)),
                ('created_at', models.DateTimeField(db_index=True)),
            ],
            options={
                'verbose_name': 'remembered answer',
                'verbose_name_plural': 'remembered answers',
                'constraints': [models.UniqueConstraint(fields=('caller', 'key'), name='idempotency_caller_key')],
            },
        ),
        migrations.RunPython(one_row, migrations.RunPython.noop),
    ]
