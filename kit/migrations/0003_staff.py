import django.db.models.deletion
import kit.ids
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('kit', '0002_event_place'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='StaffEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', kit.ids.AsciiField(choices=[('login', 'logged in'), ('failed', 'wrong name or password'), ('code', 'wrong one-time code'), ('locked', 'locked out'), ('logout', 'logged out'), ('timeout', 'session timed out')], db_index=True, max_length=8, verbose_name='event')),
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
        migrations.AlterModelOptions(
            name='event',
            options={'verbose_name': 'event for the chat', 'verbose_name_plural': 'events for the chat'},
        ),
        migrations.AlterModelOptions(
            name='idempotencyrecord',
            options={'verbose_name': 'remembered answer', 'verbose_name_plural': 'remembered answers'},
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
                ('ip', models.GenericIPAddressField(null=True, verbose_name='address')),
                ('created_at', models.DateTimeField(db_index=True, verbose_name='time')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='staff')),
            ],
            options={
                'verbose_name': 'staff action',
                'verbose_name_plural': 'staff actions',
                'indexes': [models.Index(fields=['key', 'model'], name='staff_action_subject')],
            },
        ),
    ]
