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
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
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
            name='Heartbeat',
            fields=[
                ('name', kit.ids.AsciiField(max_length=160, primary_key=True, serialize=False)),
                ('at', models.DateTimeField()),
                ('off_s', models.IntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name='StaffEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', kit.ids.AsciiField(choices=[('login', 'logged in'), ('failed', 'wrong name or password'), ('code', 'wrong one-time code'), ('recovery', 'logged in by a recovery code'), ('locked', 'locked out'), ('logout', 'logged out'), ('timeout', 'session timed out')], db_index=True, max_length=8, verbose_name='event')),
                ('username', models.CharField(blank=True, db_index=True, max_length=150, verbose_name='name given')),
                ('ip', models.GenericIPAddressField(null=True, verbose_name='address')),
                ('agent', models.CharField(blank=True, max_length=200, verbose_name='browser')),
                ('created_at', models.DateTimeField(db_index=True, verbose_name='time')),
            ],
            options={
                'verbose_name': 'log-in event',
                'verbose_name_plural': 'log-in events',
            },
        ),
        migrations.CreateModel(
            name='Turn',
            fields=[
                ('user_id', kit.ids.OutsideIdField(max_length=64, primary_key=True, serialize=False)),
            ],
        ),
        migrations.CreateModel(
            name='ExportJob',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('lease', kit.ids.AsciiField(editable=False, max_length=32, null=True)),
                ('leased_until', models.DateTimeField(editable=False, null=True)),
                ('token', kit.ids.AsciiField(editable=False, max_length=32, unique=True)),
                ('model', kit.ids.AsciiField(max_length=64, verbose_name='list')),
                ('query', models.TextField(blank=True, verbose_name='filters')),
                ('format', kit.ids.AsciiField(max_length=4, verbose_name='format')),
                ('language', kit.ids.AsciiField(max_length=8)),
                ('state', models.PositiveSmallIntegerField(choices=[(0, 'being written'), (1, 'ready'), (2, 'failed'), (3, 'removed')], db_index=True, default=0, verbose_name='state')),
                ('rows', models.PositiveIntegerField(default=0, verbose_name='rows')),
                ('size', models.PositiveBigIntegerField(default=0)),
                ('first', kit.ids.AsciiField(blank=True, default='', max_length=64)),
                ('last', kit.ids.AsciiField(blank=True, default='', max_length=64)),
                ('until', kit.ids.AsciiField(blank=True, default='', max_length=64)),
                ('run_at', models.DateTimeField(db_index=True, null=True)),
                ('says', models.CharField(blank=True, default='', max_length=255, verbose_name='says')),
                ('created_at', models.DateTimeField(db_index=True, verbose_name='asked for at')),
                ('done_at', models.DateTimeField(db_index=True, null=True, verbose_name='done at')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='staff')),
            ],
            options={
                'verbose_name': 'export',
                'verbose_name_plural': 'exports',
            },
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
                ('created_at', models.DateTimeField(db_index=True)),
            ],
            options={
                'verbose_name': 'remembered answer',
                'verbose_name_plural': 'remembered answers',
                'constraints': [models.UniqueConstraint(fields=('caller', 'key'), name='idempotency_caller_key')],
            },
        ),
        migrations.CreateModel(
            name='StaffAction',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('action', kit.ids.AsciiField(db_index=True, max_length=48, verbose_name='action')),
                ('model', kit.ids.AsciiField(max_length=64)),
                ('key', kit.ids.AsciiField(max_length=96)),
                ('subject', models.CharField(max_length=128, verbose_name='on')),
                ('reason', models.CharField(max_length=255, verbose_name='reason')),
                ('changes', models.JSONField(null=True, verbose_name='changes')),
                ('once', kit.ids.AsciiField(editable=False, max_length=32, null=True, unique=True)),
                ('ip', models.GenericIPAddressField(null=True, verbose_name='address')),
                ('created_at', models.DateTimeField(db_index=True, verbose_name='time')),
                ('booked_on', models.DateField(editable=False, null=True)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='staff')),
            ],
            options={
                'verbose_name': 'staff action',
                'verbose_name_plural': 'staff actions',
                'indexes': [models.Index(fields=['key', 'model'], name='staff_action_subject'), models.Index(fields=['booked_on', 'id'], name='staff_action_booked')],
            },
        ),
        migrations.RunPython(one_row, migrations.RunPython.noop),
    ]
