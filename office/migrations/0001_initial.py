import django.contrib.auth.models
import django.db.models.deletion
import kit.ids
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
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
                'db_table': 'kit_staffevent',
            },
        ),
        migrations.CreateModel(
            name='Tries',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', kit.ids.AsciiField(editable=False, max_length=80, unique=True)),
                ('kind', kit.ids.AsciiField(choices=[('pair', 'name and address'), ('address', 'address'), ('name', 'name, elsewhere')], max_length=8, verbose_name='kind')),
                ('username', models.CharField(blank=True, db_index=True, max_length=150, verbose_name='name given')),
                ('address', kit.ids.AsciiField(blank=True, db_index=True, max_length=43, verbose_name='address')),
                ('used', models.PositiveIntegerField(default=0, verbose_name='tries')),
                ('until', models.DateTimeField(db_index=True, verbose_name='counted until')),
                ('is_locked', models.BooleanField(db_index=True, default=False, verbose_name='locked')),
                ('known_at', models.DateTimeField(null=True, verbose_name='known since')),
            ],
            options={
                'verbose_name': 'log-in tries',
                'verbose_name_plural': 'log-in tries',
            },
        ),
        migrations.CreateModel(
            name='Role',
            fields=[
            ],
            options={
                'verbose_name': 'role',
                'verbose_name_plural': 'roles',
                'proxy': True,
                'indexes': [],
                'constraints': [],
            },
            bases=('auth.group',),
            managers=[
                ('objects', django.contrib.auth.models.GroupManager()),
            ],
        ),
        migrations.CreateModel(
            name='AccountChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', kit.ids.AsciiField(choices=[('invite', 'invitation of somebody new'), ('reset', 'new password and device'), ('role', 'another role'), ('stop', 'out of use')], max_length=8, verbose_name='kind')),
                ('role', kit.ids.AsciiField(blank=True, default='', max_length=32, verbose_name='role')),
                ('role_before', kit.ids.AsciiField(blank=True, default='', max_length=64, verbose_name='role before')),
                ('reason', models.CharField(max_length=255, verbose_name='reason')),
                ('status', models.PositiveSmallIntegerField(choices=[(0, 'proposed'), (1, 'approved'), (2, 'rejected'), (3, 'withdrawn')], default=0, verbose_name='status')),
                ('open_key', kit.ids.AsciiField(editable=False, max_length=20, null=True, unique=True)),
                ('proposed_at', models.DateTimeField(db_index=True, verbose_name='proposed at')),
                ('decided_at', models.DateTimeField(null=True, verbose_name='decided at')),
                ('checker', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='checker')),
                ('maker', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='maker')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='account')),
            ],
            options={
                'verbose_name': 'change of an account',
                'verbose_name_plural': 'changes of accounts',
            },
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
                ('parts', models.PositiveIntegerField(db_default=0, default=0, editable=False)),
                ('size', models.PositiveBigIntegerField(default=0)),
                ('stored', models.PositiveBigIntegerField(db_default=0, default=0, editable=False)),
                ('written', models.JSONField(editable=False, null=True)),
                ('is_cut', models.BooleanField(db_default=False, default=False, verbose_name='shortened')),
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
                'db_table': 'kit_exportjob',
            },
        ),
        migrations.CreateModel(
            name='ExportPart',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('body', models.BinaryField()),
                ('job', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='office.exportjob')),
            ],
            options={
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='Invitation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('link', kit.ids.AsciiField(editable=False, max_length=64, unique=True)),
                ('code', kit.ids.AsciiField(blank=True, default='', editable=False, max_length=64)),
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('until', models.DateTimeField(null=True)),
                ('used_at', models.DateTimeField(null=True)),
                ('change', models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='office.accountchange')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='account')),
            ],
        ),
        migrations.CreateModel(
            name='RecoveryCode',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', kit.ids.AsciiField(editable=False, max_length=64)),
                ('used_at', models.DateTimeField(null=True)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='account')),
            ],
        ),
        migrations.CreateModel(
            name='SavedFilter',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('model', kit.ids.AsciiField(max_length=64)),
                ('name', models.CharField(max_length=40, verbose_name='name')),
                ('query', kit.ids.AsciiField(max_length=500)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='staff')),
            ],
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
                'db_table': 'kit_staffaction',
            },
        ),
        migrations.AddIndex(
            model_name='accountchange',
            index=models.Index(fields=['status', 'id'], name='account_change_status'),
        ),
        migrations.AddConstraint(
            model_name='accountchange',
            constraint=models.CheckConstraint(condition=models.Q(('checker', None), models.Q(models.Q(('maker', models.F('checker')), _negated=True), models.Q(('user', models.F('checker')), _negated=True)), _connector='OR'), name='account_change_four_eyes'),
        ),
        migrations.AddConstraint(
            model_name='accountchange',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('checker', None), ('status__in', (0, 3))), models.Q(models.Q(('status__in', (0, 3)), _negated=True), ('checker__isnull', False)), _connector='OR'), name='account_change_decided'),
        ),
        migrations.AddConstraint(
            model_name='exportpart',
            constraint=models.UniqueConstraint(fields=('job', 'number'), name='export_part_number'),
        ),
        migrations.AddConstraint(
            model_name='recoverycode',
            constraint=models.UniqueConstraint(fields=('user', 'digest'), name='recovery_code_once'),
        ),
        migrations.AddConstraint(
            model_name='savedfilter',
            constraint=models.UniqueConstraint(fields=('user', 'model', 'query'), name='saved_filter_once'),
        ),
        migrations.AddIndex(
            model_name='staffaction',
            index=models.Index(fields=['key', 'model'], name='staff_action_subject'),
        ),
        migrations.AddIndex(
            model_name='staffaction',
            index=models.Index(fields=['booked_on', 'id'], name='staff_action_booked'),
        ),
    ]
