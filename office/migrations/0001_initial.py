import django.db.models.deletion
import kit.ids
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
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
            model_name='recoverycode',
            constraint=models.UniqueConstraint(fields=('user', 'digest'), name='recovery_code_once'),
        ),
    ]
